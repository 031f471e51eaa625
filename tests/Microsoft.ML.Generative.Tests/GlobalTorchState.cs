namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Tests that no other may run beside: libtorch has one generator of dropout's noise and one number of threads for the process.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class GlobalTorchState
{
    public const string Name = "Global state of libtorch";
}
