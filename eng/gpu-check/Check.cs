namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>Something that has to hold on a device.</summary>
/// <param name="Name">Its name, with its kind in front: <c>train/vae</c>.</param>
/// <param name="Limit">Seconds after which it has failed.</param>
/// <param name="Run">Does it: returns figures, or throws.</param>
internal sealed record Check(string Name, double Limit, Func<object> Run)
{
    private static readonly double[] _seconds = [0.5, 4];

    /// <summary>All of them, those first that are cheap and say most.</summary>
    public static IEnumerable<Check> All(bool isSmall)
    {
        double seconds = _seconds[isSmall ? 0 : 1];
        var families = new Families(isSmall);
        return
        [
            new Check("device", 60, DeviceChecks.Describe),
            new Check("recompute", 60, DeviceChecks.Recomputes),
            .. families.All.Select(f => new Check($"train/{f.Name}", 60, () => TrainingChecks.Train(f))),
            .. families.All.Where(f => f.HasBFloat16 && !isSmall).Select(
                f => new Check($"bf16/{f.Name}", 60, () => TrainingChecks.TrainInBFloat16(f))),
            .. families.All.Where(f => !isSmall || f.Name is "vae" or "gan" or "language-model").Select(
                f => new Check($"resume/{f.Name}", 60, () => TrainingChecks.Resume(f))),
            new Check("language/decoding", 60, () => LanguageChecks.Decode(isSmall)),
            new Check("language/adapters", 60, LanguageChecks.Adapters),
            .. LanguageChecks.Formats.Select(f => new Check($"language/{f}", 60, () => LanguageChecks.Quantized(f))),
            new Check("memory", 90, () => MemoryChecks.StaysFlat(isSmall)),
            .. isSmall ? (Check[])[] : [new Check("out-of-memory", 90, MemoryChecks.Explains)],
            new Check("nccl", 90, () => NcclChecks.Exchange(families.All.First(f => f.Name == "vae"))),
            .. SpeedChecks.Names(isSmall).Select(n => new Check($"speed/{n}", 90, () => SpeedChecks.Measure(n, seconds, isSmall))),
            .. SpeedChecks.Names(isSmall).Select(n => new Check($"peer/{n}", 90, () => PeerChecks.Measure(n, seconds))),
        ];
    }
}

/// <summary>A check that did not hold.</summary>
/// <param name="message">What was found, and what was expected.</param>
/// <param name="figures">What was measured all the same.</param>
internal sealed class CheckFailedException(string message, object? figures = null) : Exception(message)
{
    public object? Figures => figures;
}

/// <summary>A check that does not apply here.</summary>
internal sealed class CheckSkippedException(string reason) : Exception(reason);
