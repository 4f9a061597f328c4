"""The default world once more, as simpy has it: one process per patient, one event per session.

    python with_simpy.py world.json fixed|stepped PATIENTS SEED

Needs simpy, and nothing of this project. The process is that of `loop.py`; prints what that prints.
"""

import sys

import simpy
from loop import main, patient


def in_one_environment(people, outs, w, strategy):
    """Run all patients at once."""
    env = simpy.Environment()
    for t, out in zip(people, outs, strict=True):
        env.process(patient(env, w, strategy, t, out))
    env.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), in_one_environment)
