namespace Microsoft.ML.Generative.Tests;

public sealed class RewardModelConformityTests : EstimatorConformity<RewardModelTransformer>
{
    protected override string InputColumn => "Chosen";

    protected override string BaseModelOption => nameof(RewardModelOptions.RewardModel);

    protected override IEstimator<RewardModelTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure)
    {
        RewardModelOptions options = TinyPreferences.RewardOptions().With(configure);
        if (options.RewardModel is not null)
            options.BaseModel = null;
        return ml.Transforms.Generative().RewardModel(options);
    }

    protected override void CallAll(RewardModelTransformer model)
    {
        model.Score("a fish.");
        model.Score("has corn.", "the cat ");
    }

    protected override IDataView CreateData(MLContext ml) => TinyPreferences.Data(ml);
}

/// <summary>Sentences of <see cref="TinyText"/>, of which those with a fish are better.</summary>
internal static class TinyPreferences
{
    private static readonly Lazy<LanguageModelTransformer> _model = new(() =>
    {
        MLContext ml = new(seed: 1);
        LanguageModelOptions options = TinyText.Options();
        options.Epochs = 4;
        options.LearningRate = 0.01;
        return ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(ml));
    });

    /// <summary>A language model of the sentences, for all tests.</summary>
    public static LanguageModelTransformer Model => _model.Value;

    public static IDataView Data(MLContext ml)
    {
        string[] better = [.. TinyText.Sentences.Where(s => s.Contains("fish"))];
        string[] worse = [.. TinyText.Sentences.Where(s => !s.Contains("fish"))];
        return ml.Data.LoadFromEnumerable(Enumerable.Range(0, 18).Select(i => new PreferenceRow
        {
            Chosen = better[i % better.Length],
            Rejected = worse[i],
            Number = i,
        }));
    }

    public static RewardModelOptions RewardOptions() => new()
    {
        BaseModel = Model,
        Epochs = 2,
        BatchSize = 4,
        LearningRate = 0.003,
        TransformBatchSize = 7,
    };
}

internal sealed class PreferenceRow
{
    public string Prompt { get; set; } = "";

    public string Chosen { get; set; } = "";

    public string Rejected { get; set; } = "";

    public float Margin { get; set; }

    public float Number { get; set; }
}
