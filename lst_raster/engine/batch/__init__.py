"""Many scenes: one after the other, in processes of this machine, or on a cluster; one that fails loses no other."""
