"""Reports: a study's result as one self-contained page with its tables and figures."""

from .output import whole_folder
from .write import fill, write_report

__all__ = ["fill", "whole_folder", "write_report"]
