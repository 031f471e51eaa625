using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// The models of the baselines by the names of their files. A recipe stays as it is: models of a new kind get one of their own.
/// </summary>
internal static partial class BaselineRecipes
{
    public static IReadOnlyDictionary<string, BaselineRecipe> All { get; } = new Dictionary<string, BaselineRecipe>
    {
        ["gan-vectors"] = VectorGan,
        ["gan-dcgan"] = Dcgan,
        ["gan-residual"] = ResidualGan,
        ["diffusion-unet"] = UNet,
        ["diffusion-cross-attention"] = CrossAttention,
        ["diffusion-transformer"] = Transformer,
        ["diffusion-super-resolution"] = SuperResolution,
        ["diffusion-flow"] = Flow,
        ["diffusion-folder"] = DiffusersFolder,
        ["image-classifier-residual"] = ResidualClassifier,
        ["image-classifier-plain"] = PlainClassifier,
        ["vae-mlp"] = MlpVae,
        ["vae-convolutional"] = ConvolutionalVae,
        ["vq-vae-grey"] = VqVae,
        ["flow-vectors"] = VectorFlow,
        ["flow-images"] = ImageFlow,
        ["language-model-gpt"] = Gpt,
        ["language-model-llama"] = Llama,
        ["language-model-characters"] = Characters,
        ["language-model-unigram"] = Unigram,
        ["language-model-chat"] = Chat,
        ["reward-model-gpt"] = RewardModel,
        ["reward-model-adapter"] = RewardModelWithAdapter,
        ["sequence-to-sequence-pairs"] = Sequences,
        ["sequence-to-sequence-spans"] = CorruptedSpans,
        ["sequence-to-sequence-adapter"] = SequencesWithAdapter,
        ["masked-language-model-bert"] = MaskedBert,
        ["sentence-embedding-pairs"] = SentencePairs,
        ["sentence-embedding-modern"] = ModernSentences,
        ["text-classification-pairs"] = TextPairs,
        ["text-classification-adapter"] = ClassesWithAdapter,
    };

    // What all have in common: three steps are an epoch of the images.
    private static TOptions Brief<TOptions>(TOptions options)
        where TOptions : TrainingOptions => options.With(o =>
        {
            (o.Seed, o.MaxSteps, o.BatchSize, o.Precision) = (3, 12, 8, ComputePrecision.Float32);
            (o.EmaDecay, o.GradientClipNorm, o.LearningRate, o.Threads) = (0.8, 1, 5e-3, 1);
        });

    private static IEnumerable<float[]> Vectors(IDataView rows, string column) => rows.GetColumn<float[]>(column);

    private static IEnumerable<float> Values(IDataView rows, string column) => rows.GetColumn<float>(column);
}
