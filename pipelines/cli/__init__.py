"""The commands of lockstep; user mistakes are reported before slow imports."""
