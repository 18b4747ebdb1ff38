"""Potentials: pair (Lennard-Jones, Morse, Buckingham, springs, one's own), Stillinger–Weber, Tersoff, embedded atom."""

from msjax.crystal.potentials.buckingham import Buckingham as Buckingham
from msjax.crystal.potentials.eam import EAM as EAM
from msjax.crystal.potentials.effective_medium import EffectiveMedium as EffectiveMedium
from msjax.crystal.potentials.gupta import Gupta as Gupta
from msjax.crystal.potentials.lennard_jones import LennardJones as LennardJones
from msjax.crystal.potentials.morse import Morse as Morse
from msjax.crystal.potentials.pair_compound import PairCompound as PairCompound
from msjax.crystal.potentials.pair_function import PairFunction as PairFunction
from msjax.crystal.potentials.site_energy import SiteEnergy as SiteEnergy
from msjax.crystal.potentials.springs import Springs as Springs
from msjax.crystal.potentials.stillinger_weber import StillingerWeber as StillingerWeber
from msjax.crystal.potentials.stillinger_weber_compound import (
    StillingerWeberCompound as StillingerWeberCompound,
)
from msjax.crystal.potentials.sutton_chen import SuttonChen as SuttonChen
from msjax.crystal.potentials.tabulated_eam import TabulatedEAM as TabulatedEAM
from msjax.crystal.potentials.tersoff import Tersoff as Tersoff
from msjax.crystal.potentials.tersoff_compound import TersoffCompound as TersoffCompound
from msjax.crystal.potentials.zhou import Zhou as Zhou
from msjax.crystal.potentials.zhou_alloy import ZhouAlloy as ZhouAlloy
