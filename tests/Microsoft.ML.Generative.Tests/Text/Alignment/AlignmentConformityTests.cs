namespace Microsoft.ML.Generative.Tests;

public sealed class DpoConformityTests : EstimatorConformity<LanguageModelTransformer>
{
    protected override string InputColumn => "Prompt";

    protected override IEstimator<LanguageModelTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Dpo(TinyAlignment.Dpo().With(configure));

    protected override IDataView CreateData(MLContext ml) => TinyAlignment.Pairs(ml);
}

public sealed class KtoConformityTests : EstimatorConformity<LanguageModelTransformer>
{
    protected override string InputColumn => "Prompt";

    // The reference point is that of prompts with the completions of other rows of a batch.
    protected override bool RowsAreIndependent => false;

    protected override IEstimator<LanguageModelTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Kto(TinyAlignment.Kto().With(configure));

    protected override IDataView CreateData(MLContext ml) => TinyAlignment.Judged(ml);
}

public sealed class GrpoConformityTests : EstimatorConformity<LanguageModelTransformer>
{
    protected override string InputColumn => "Prompt";

    protected override IEstimator<LanguageModelTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Grpo(TinyAlignment.Grpo().With(configure));

    // Steps have all of a roll-out.
    protected override int BatchSizeOfProcess => 4;

    protected override IDataView CreateData(MLContext ml) => TinyAlignment.Prompts(ml);
}

public sealed class RlooConformityTests : EstimatorConformity<LanguageModelTransformer>
{
    protected override string InputColumn => "Prompt";

    protected override IEstimator<LanguageModelTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Rloo(TinyAlignment.Rloo().With(configure));

    // Steps have all of a roll-out.
    protected override int BatchSizeOfProcess => 4;

    protected override IDataView CreateData(MLContext ml) => TinyAlignment.Prompts(ml);
}

public sealed class PpoConformityTests : EstimatorConformity<LanguageModelTransformer>
{
    protected override string InputColumn => "Prompt";

    protected override IEstimator<LanguageModelTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Ppo(TinyAlignment.Ppo().With(configure));

    // Steps have all of a roll-out.
    protected override int BatchSizeOfProcess => 2;

    protected override IDataView CreateData(MLContext ml) => TinyAlignment.Prompts(ml);
}
