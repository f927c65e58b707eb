"""How long plays take, by the program as it is built: a whole two-phase campaign of one school of 120 pupils
(`campaign/`), every scenario of fixtures/, and campaigns at random.

    replay.py NAVETTE [SEEDS [TIMES]]

Prints wall time and processor time, and ends with 1 when the best miss what the house promises: 0.5 s for the campaign, 10 s
for the scenarios. Python's standard library is all it needs.
"""

import statistics
import sys
from pathlib import Path

from night import measured

HERE = Path(__file__).parent
CAMPAIGN_S_MAX = 0.5
SCENARIOS_S_MAX = 10


def main(navette, seeds="100", times="5"):
    navette = str(Path(navette).resolve())
    plays = {
        "campaign of 120 pupils": (["replay", HERE / "campaign"], CAMPAIGN_S_MAX),
        "every scenario": (["replay", HERE.parent.parent / "fixtures" / "scenarios"], SCENARIOS_S_MAX),
        f"{seeds} campaigns at random": (["replay", "--random", seeds], None),
    }
    missed = False
    for what, (arguments, wall_s_max) in plays.items():
        measures = [measured([navette, *arguments], HERE) for _ in range(int(times))]
        walls, _, processors, _ = zip(*measures)
        print(
            f"{what:<26} wall {statistics.median(walls):7.2f} s ({min(walls):.2f})"
            f"  processor {statistics.median(processors):7.2f} s ({min(processors):.2f})"
        )
        missed |= wall_s_max is not None and wall_s_max < min(walls)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
