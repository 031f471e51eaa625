using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Counts the tensors that work leaves behind; for tests that run alone (<see cref="GlobalTorchState"/>).</summary>
internal static class TensorCounts
{
    /// <summary>How many more tensors there are after doing the work some times, the first time not counted.</summary>
    public static long Growth(Action work, int times)
    {
        work();
        Collect();
        long before = torch.Tensor.TotalCount;
        for (int i = 0; i < times; i++)
            work();
        Collect();
        return torch.Tensor.TotalCount - before;
    }

    // What earlier tests dropped must not be counted, nor what only its finalizers let go: those of what holds others come first.
    private static void Collect()
    {
        for (int i = 0; i < 4; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}
