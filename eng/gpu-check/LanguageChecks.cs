using System.Diagnostics;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>What language models do beside training.</summary>
internal static class LanguageChecks
{
    private const string Prompt = "the cat eats ";
    private static readonly TextGenerationOptions _greedy = new() { Temperature = 0, MaxTokens = 24 };

    public static IEnumerable<WeightFormat> Formats => Enum.GetValues<WeightFormat>()
        .Where(f => f is not (WeightFormat.Float32 or WeightFormat.Mixed));

    /// <summary>Greedy text is that of the CPU; and tokens per second, alone and of many rows.</summary>
    public static object Decode(bool isSmall)
    {
        MLContext device = Outputs.Context(), cpu = Outputs.Context(onCpu: true);
        using LanguageModelTransformer model = Families.Base(device, o => o.MaxSteps = isSmall ? 20 : 100);
        using var moved = (LanguageModelTransformer)TrainingChecks.Move(model, Families.Sentences(device), device, cpu);
        (string here, string there) = (model.Generate(Prompt, _greedy), moved.Generate(Prompt, _greedy));
        int most = isSmall ? 32 : 256;
        var sampling = new TextGenerationOptions { MaxTokens = 48, Seed = 1 };
        var watch = Stopwatch.StartNew();
        _ = model.Generate(Prompt, sampling);
        double alone = watch.Elapsed.TotalSeconds;
        watch.Restart();
        (_, string[] texts) = Outputs.Read(model.Generate(most, sampling));
        var figures = new
        {
            text = here,
            text_on_cpu = there,
            tokens_per_s = Math.Round(sampling.MaxTokens / alone, 1),
            tokens_per_s_of_many = Math.Round(texts.Sum(t => t.Length + 1) / watch.Elapsed.TotalSeconds, 1),
        };
        return here == there ? figures : throw new CheckFailedException("The device and the CPU write different texts.", figures);
    }

    /// <summary>Adapters are chosen, merged and saved on the device.</summary>
    public static object Adapters()
    {
        MLContext device = Outputs.Context();
        using LanguageModelTransformer before = Families.Base(device);
        using LanguageModelTransformer adapted = device.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            BaseModel = before,
            Adapter = new LoraOptions { Rank = 4, UseDora = true },
            BatchSize = 8,
            MaxSteps = 8,
            Seed = 1,
        }).Fit(Families.Sentences(device));
        using LanguageModelTransformer plain = adapted.WithAdapter(null), merged = adapted.Merge();
        string folder = Directory.CreateTempSubdirectory("gpu-check").FullName;
        try
        {
            adapted.SaveAdapter(folder);
            using LanguageModelTransformer loaded = before.LoadAdapter(folder, "again");
            LanguageModelTransformer[] models = [before, plain, adapted, merged, loaded];
            string[] texts = [.. models.Select(m => m.Generate(Prompt, _greedy))];
            if (texts[0] != texts[1] || texts[2] != texts[3] || texts[2] != texts[4])
                throw new CheckFailedException("Models that are the same write different texts.", new { texts });
            return new { texts };
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Quantized weights predict as they do on the CPU, and adapters learn on them.</summary>
    public static object Quantized(WeightFormat format)
    {
        MLContext device = Outputs.Context(), cpu = Outputs.Context(onCpu: true);
        using LanguageModelTransformer full = Families.Base(device, o => o.MaxSteps = 50);
        using LanguageModelTransformer model = full.Quantize(format);
        using var moved = (LanguageModelTransformer)TrainingChecks.Move(model, Families.Sentences(device), device, cpu);
        (string here, string there) = (model.Generate(Prompt, _greedy), moved.Generate(Prompt, _greedy));
        using LanguageModelTransformer adapted = device.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            BaseModel = model,
            Adapter = new LoraOptions { Rank = 4 },
            BatchSize = 8,
            MaxSteps = 4,
            Seed = 1,
        }).Fit(Families.Sentences(device));
        var watch = Stopwatch.StartNew();
        _ = model.Generate(Prompt, _greedy);
        double perplexity = device.Generative().EvaluateLanguageModel(model, Families.Sentences(device)).Perplexity;
        double onCpu = cpu.Generative().EvaluateLanguageModel(moved, Families.Sentences(cpu)).Perplexity;
        var figures = new
        {
            perplexity,
            perplexity_on_cpu = onCpu,
            text = here,
            text_on_cpu = there,
            text_of_adapter = adapted.Generate(Prompt, _greedy),
            tokens_per_s = Math.Round(_greedy.MaxTokens / watch.Elapsed.TotalSeconds, 1),
        };
        // The CPU may multiply by rounded numbers where a GPU does not.
        return Math.Abs(perplexity / onCpu - 1) < 0.02
            ? figures
            : throw new CheckFailedException("The device and the CPU predict differently.", figures);
    }
}
