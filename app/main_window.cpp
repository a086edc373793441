namespace sparsescope { }
