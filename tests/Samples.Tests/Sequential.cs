// Each lesson trains on all cores: two at a time would only be slower.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
