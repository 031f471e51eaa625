// TorchSharp may free the scalar of an operation while it runs, if another thread's garbage collection comes at that moment. A test process
// with trainings on several threads sees that now and then; an application that trains on one thread does not.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
