namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>Memory does not grow, and where there is too little, the error says what helps.</summary>
internal static class MemoryChecks
{
    private const double MostGrowthMib = 64;

    public static object StaysFlat(bool isSmall)
    {
        List<(long Step, long? OnDevice, long Resident)> samples = [];
        MLContext ml = Outputs.Context();
        using LanguageModelTransformer model = Families.Base(ml, o =>
        {
            (o.MaxSteps, o.Precision) = (isSmall ? 150 : 3000, ComputePrecision.Auto);
            o.Progress = new Reports(report =>
            {
                if (samples.Count > 0 && report.Step - samples[^1].Step < report.TotalSteps / 12)
                    return;
                // What nobody uses any more is no growth.
                GC.Collect();
                samples.Add((report.Step, report.DeviceMemory, Environment.WorkingSet));
            });
        });
        // What was compiled and pooled once is there after a third.
        (long Step, long? OnDevice, long Resident) early = samples.First(s => s.Step >= samples[^1].Step / 3), last = samples[^1];
        var figures = new
        {
            resident_mib_by_step = samples.ToDictionary(s => s.Step, s => Mebibytes(s.Resident)),
            steps = last.Step,
            device_mib = Mebibytes(last.OnDevice),
            device_growth_mib = Mebibytes(last.OnDevice - early.OnDevice),
            resident_mib = Mebibytes(last.Resident),
            resident_growth_mib = Mebibytes(last.Resident - early.Resident),
        };
        if (figures.device_growth_mib > MostGrowthMib || figures.resident_growth_mib > MostGrowthMib)
            throw new CheckFailedException($"Memory grew by more than {MostGrowthMib} MiB.", figures);
        return figures;
    }

    public static object Explains()
    {
        MLContext ml = Outputs.Context();
        if (ml.Generative().Devices.CudaProblem is { } problem)
            throw new CheckSkippedException(problem);
        // The scores of all tokens for all positions alone take 640 GB.
        var data = ml.Data.LoadFromEnumerable([new { Text = new string('a', 3_300_000) }]);
        try
        {
            ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
            {
                Architecture = LanguageModelArchitecture.GptNano with { Layers = 1, Heads = 1, EmbeddingSize = 64, ContextLength = 1024 },
                Tokenizer = SpeedChecks.ManyCharacters,
                BatchSize = 3200,
                MaxSteps = 1,
                Seed = 1,
            }).Fit(data).Dispose();
        }
        catch (InvalidOperationException e) when (e.Message.Contains("does not fit the memory", StringComparison.Ordinal))
        {
            if (!e.Message.Contains("lower BatchSize (3200)", StringComparison.Ordinal))
                throw new CheckFailedException($"The error does not name BatchSize: {e.Message}");
            // What is left of the memory is enough for another training.
            Families.Base(ml).Dispose();
            return new { error_says = e.Message };
        }

        throw new CheckFailedException("A step that needs 640 GB did not fail.");
    }

    private static double? Mebibytes(long? bytes) => bytes is { } b ? Math.Round(b / 1048576.0, 1) : null;
}
