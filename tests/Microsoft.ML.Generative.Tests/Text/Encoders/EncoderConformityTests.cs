using Microsoft.Extensions.AI;

namespace Microsoft.ML.Generative.Tests;

public sealed class SentenceEmbeddingConformityTests : EstimatorConformity<SentenceEmbeddingTransformer>
{
    protected override string InputColumn => "Text";

    protected override IEstimator<SentenceEmbeddingTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().SentenceEmbedding(
            new SentenceEmbeddingOptions { PairColumnName = "Pair", ScoreColumnName = "Similarity" }.Tiny().With(configure).Based());

    protected override void CallAll(SentenceEmbeddingTransformer model)
    {
        model.Embed("the cat");
        model.Attention("the cat");
        using IEmbeddingGenerator<string, Embedding<float>> embeddings = model.AsEmbeddingGenerator();
        embeddings.GenerateVectorAsync("a dog").GetAwaiter().GetResult();
    }

    protected override IDataView CreateData(MLContext ml) => TinyEncoders.Data(ml);
}

public sealed class TextClassificationConformityTests : EstimatorConformity<TextClassificationTransformer>
{
    protected override string InputColumn => "Text";

    protected override IEstimator<TextClassificationTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().TextClassification(
            new TextClassificationOptions { Sentence1ColumnName = "Text", LabelCount = 2 }.Tiny().With(configure).Based());

    protected override void CallAll(TextClassificationTransformer model) => model.Attention("the cat");

    protected override IDataView CreateData(MLContext ml) => TinyEncoders.Data(ml);
}

public sealed class MaskedLanguageModelConformityTests : EstimatorConformity<MaskedLanguageModelTransformer>
{
    protected override string InputColumn => "Masked";

    protected override IEstimator<MaskedLanguageModelTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().MaskedLanguageModel(
            new MaskedLanguageModelOptions { InputColumnName = "Masked", MaskProbability = 0.4 }.Tiny().With(configure).Based());

    protected override void CallAll(MaskedLanguageModelTransformer model)
    {
        model.FillMask("the [MASK]", 2);
        model.Attention("the cat");
    }

    protected override IDataView CreateData(MLContext ml) => TinyEncoders.Data(ml);
}
