namespace Microsoft.ML.Generative.Tests;

/// <summary>A training of adapters promises what all trainings do.</summary>
public sealed class AdapterConformityTests : EstimatorConformity<LanguageModelTransformer>
{
    private static readonly Lazy<LanguageModelTransformer> _base = new(() =>
    {
        var ml = new MLContext(seed: 1);
        LanguageModelOptions options = TinyText.Options();
        options.Threads = 1;
        return ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(ml));
    });

    protected override string InputColumn => "Text";

    protected override IEstimator<LanguageModelTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure)
    {
        LanguageModelOptions options = TinyText.Options();
        options.Architecture = LanguageModelArchitecture.GptNano;
        options.BaseModel = _base.Value;
        options.Adapter = new LoraOptions { Rank = 2, Dropout = 0.1, UseDora = true, Bias = LoraBias.All, ModulesToSave = ["tokens"] };
        return ml.Transforms.Generative().LanguageModel(options.With(configure));
    }

    protected override IDataView CreateData(MLContext ml) => TinyText.Data(ml);
}
