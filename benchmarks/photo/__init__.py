"""Color and light of one photo on another: `--method photo` and its peers."""
