"""Loading a crystal along a path, other stresses relaxed: Bain's path, and the ideal strength with its first loss of
stability."""

from msjax.crystal.strength.bain import Bain as Bain
from msjax.crystal.strength.directed import Shear as Shear
from msjax.crystal.strength.directed import Tension as Tension
from msjax.crystal.strength.follow import Followed as Followed
from msjax.crystal.strength.follow import follow as follow
from msjax.crystal.strength.ideal import Strength as Strength
from msjax.crystal.strength.ideal import ideal_strength as ideal_strength
from msjax.crystal.strength.loading import Loading as Loading
from msjax.crystal.strength.loading import Path as Path
from msjax.crystal.strength.loading import Stretch as Stretch
from msjax.crystal.strength.loading import Triaxial as Triaxial
