"""Records of sessions and assessments: read, checked, and turned into cycles under an endpoint."""

from .endpoints import BackToBaseline, Endpoint, LossOfBenefit, LossOfLevel
from .folder import TABLES
from .parsing import parse_endpoint
from .read import check_records, read_records
from .records import Records
from .scales import SCALES, Scale

__all__ = [
    "SCALES",
    "TABLES",
    "BackToBaseline",
    "Endpoint",
    "LossOfBenefit",
    "LossOfLevel",
    "Records",
    "Scale",
    "check_records",
    "parse_endpoint",
    "read_records",
]
