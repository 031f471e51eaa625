namespace Module09;

/// <summary>
/// What to expect of a training on many GPUs: a step takes the time of its computation, and that of the exchange of gradients as far as the
/// backward pass does not hide it. docs/distributed.md has the assumptions.
/// </summary>
internal static class ScalePrediction
{
    private const double FlopsPerSecond = 400e12;
    private const double BytesWithinMachine = 300e9;
    private const double BytesBetweenMachines = 40e9;
    private const int GpusOfMachine = 8;

    // Two thirds of the operations are those of the backward pass.
    private const double BackwardShare = 2.0 / 3;

    /// <summary>Seconds that the computation of a step takes.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="tokens">The tokens of a process in a step.</param>
    public static double Computation(double parameters, double tokens) => 6 * parameters * tokens / FlopsPerSecond;

    /// <summary>Seconds that a ring takes to sum gradients of Float32.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="gpus">The GPUs.</param>
    public static double Exchange(double parameters, int gpus) =>
        2.0 * (gpus - 1) / gpus * 4 * parameters / (gpus <= GpusOfMachine ? BytesWithinMachine : BytesBetweenMachines);

    /// <summary>The share of the time in which the GPUs compute.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="tokens">The tokens of a process in a step.</param>
    /// <param name="gpus">The GPUs.</param>
    /// <param name="overlaps">Whether the backward pass hides the exchange as far as it can.</param>
    public static double Efficiency(double parameters, double tokens, int gpus, bool overlaps)
    {
        (double computation, double exchange) = (Computation(parameters, tokens), Exchange(parameters, gpus));
        double waited = overlaps ? Math.Max(0, exchange - BackwardShare * computation) : exchange;
        return computation / (computation + waited);
    }

    /// <summary>Bytes of AdamW's two moments in each process, where the processes share them (ZeRO, stage 1).</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="processes">The processes.</param>
    public static double OptimizerBytes(double parameters, int processes) => 2 * 4 * parameters / processes;
}
