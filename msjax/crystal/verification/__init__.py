"""``verify``: graded checks of a potential, alone and in a crystal."""

from msjax.crystal.verification.report import Check as Check
from msjax.crystal.verification.report import Verification as Verification
from msjax.crystal.verification.verify import verify as verify
