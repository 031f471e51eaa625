using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Alignment;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Trainings by preferences and rewards of the language model of <see cref="TinyPreferences"/>.</summary>
internal static class TinyAlignment
{
    private static readonly string[] _prompts =
        [.. new[] { "the cat", "a dog", "my hen" }.SelectMany(s => new[] { "sees", "eats", "has" }.Select(v => $"{s} {v} "))];

    public static PreferenceRow[] Preferences { get; } =
    [
        .. _prompts.SelectMany((prompt, i) => new[] { "the hat.", "corn." }.Select((bad, j) => new PreferenceRow
        {
            Prompt = prompt,
            Chosen = "a fish.",
            Rejected = bad,
            Number = 2 * i + j,
        })),
    ];

    public static IDataView Pairs(MLContext ml) => ml.Data.LoadFromEnumerable(Preferences);

    public static IDataView Prompts(MLContext ml) =>
        ml.Data.LoadFromEnumerable(_prompts.Select((prompt, i) => new PreferenceRow { Prompt = prompt, Number = i }));

    public static IDataView Judged(MLContext ml) => ml.Data.LoadFromEnumerable(Preferences.SelectMany(p => new[]
    {
        new JudgedRow { Prompt = p.Prompt, Text = p.Chosen, Label = true, Number = p.Number },
        new JudgedRow { Prompt = p.Prompt, Text = p.Rejected, Label = false, Number = p.Number },
    }));

    public static DpoOptions Dpo() => new()
    {
        BaseModel = TinyPreferences.Model,
        Epochs = 2,
        BatchSize = 4,
        LearningRate = 0.003,
        TransformBatchSize = 7,
        Generation = new TextGenerationOptions { MaxTokens = 5 },
    };

    public static KtoOptions Kto() => new()
    {
        BaseModel = TinyPreferences.Model,
        CompletionColumnName = "Text",
        Epochs = 2,
        BatchSize = 8,
        LearningRate = 0.003,
        TransformBatchSize = 7,
        Generation = new TextGenerationOptions { MaxTokens = 5 },
    };

    public static T Rollouts<T>(T options)
        where T : RolloutOptions
    {
        options.BaseModel = TinyPreferences.Model;
        options.Rewards = [TextReward.FromFunction((_, completion) => completion.Count(c => c == 'h') - 0.1 * completion.Length)];
        (options.MaxTokens, options.Epochs, options.LearningRate, options.TransformBatchSize) = (8, 1, 0.003, 7);
        options.Generation = new TextGenerationOptions { MaxTokens = 5 };
        return options;
    }

    public static GrpoOptions Grpo()
    {
        GrpoOptions options = Rollouts(new GrpoOptions());
        (options.RolloutPrompts, options.GroupSize, options.BatchSize, options.RolloutEpochs, options.KlCoefficient) = (4, 2, 4, 2, 0.02);
        return options;
    }

    public static RlooOptions Rloo()
    {
        RlooOptions options = Rollouts(new RlooOptions());
        (options.RolloutPrompts, options.GroupSize, options.BatchSize) = (4, 2, 8);
        return options;
    }

    public static PpoOptions Ppo()
    {
        PpoOptions options = Rollouts(new PpoOptions());
        (options.RolloutPrompts, options.BatchSize, options.RolloutEpochs, options.KlTarget, options.KlHorizon) = (8, 4, 2, 1, 50);
        return options;
    }

    /// <summary>log p(completion and its end | prompt)</summary>
    public static double LogProbability(LanguageModelTransformer model, string prompt, string completion)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        (int[] ids, int promptTokens) = model.Codec.EncodeExample(prompt, completion);
        var corpus = new TokenCorpus(model.Codec.VocabularySize, long.MaxValue);
        corpus.AddExample(ids, promptTokens);
        var batch = TokenBatches.Make(corpus, [.. corpus.Examples], model.Device);
        return TokenLogProbabilities.Of(model.Network, batch[0], batch[1], 1, model.Codec.VocabularySize).sum().ToDouble();
    }
}

internal sealed class JudgedRow
{
    public string Prompt { get; set; } = "";

    public string Text { get; set; } = "";

    public bool Label { get; set; }

    public float Number { get; set; }
}
