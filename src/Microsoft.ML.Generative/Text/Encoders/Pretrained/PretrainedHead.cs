using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Encoders.Pretrained;

/// <summary>A head of a published encoder that is loaded with it.</summary>
internal abstract class PretrainedHead
{
    /// <summary>Predicts masked tokens.</summary>
    public static PretrainedHead Tokens { get; } = new TokensHead();

    /// <summary>Scores classes.</summary>
    public static PretrainedHead Classes { get; } = new ClassesHead();

    /// <summary>What transformers has between the layers of a head that scores classes.</summary>
    public static ClassificationHeadKind KindOf(EncoderConfig config) =>
        config.IsModernBert ? ClassificationHeadKind.NormalizedGelu
        : config.IsDistilBert ? ClassificationHeadKind.Relu
        : ClassificationHeadKind.Tanh;

    /// <summary>The modules of a head that scores classes, as PEFT's configuration names them.</summary>
    public static string[] ClassModulesOf(EncoderConfig config) =>
        config.IsModernBert ? ["head", "classifier"]
        : config.IsDistilBert ? ["pre_classifier", "classifier"]
        : config.IsRoberta ? ["classifier"]
        : ["pooler", "classifier"];

    /// <summary>The modules of a head that predicts masked tokens, as PEFT's configuration names them.</summary>
    public static string[] TokenModulesOf(EncoderConfig config) =>
        config.IsModernBert ? ["head", TokenLayerOf(config)]
        : config.IsDistilBert ? ["vocab_transform", "vocab_layer_norm", TokenLayerOf(config)]
        : config.IsRoberta ? ["lm_head"]
        : ["cls"];

    /// <summary>The last layer of a head that predicts masked tokens, whose weight is the embedding of tokens.</summary>
    public static string TokenLayerOf(EncoderConfig config) =>
        config.IsModernBert ? "decoder"
        : config.IsDistilBert ? "vocab_projector"
        : config.IsRoberta ? "lm_head.decoder"
        : "cls.predictions.decoder";

    /// <exception cref="InvalidDataException">The head is missing, or not supported.</exception>
    public abstract void Check(ISafetensorsReader weights, EncoderConfig config);

    public abstract torch.nn.Module Create(EncoderConfig config);

    private static InvalidDataException Missing(ISafetensorsReader weights, string what) => new(
        $"'{weights.Source}' has no head that {what}: {nameof(GenerativeCatalog.LoadPretrainedEncoder)} loads the encoder.");

    private sealed class TokensHead : PretrainedHead
    {
        public override void Check(ISafetensorsReader weights, EncoderConfig config)
        {
            if (!EncoderWeights.HasTokenHead(weights, config))
                throw Missing(weights, "predicts masked tokens");
        }

        public override torch.nn.Module Create(EncoderConfig config) => new MaskedTokenHead(config.Architecture);
    }

    private sealed class ClassesHead : PretrainedHead
    {
        public override void Check(ISafetensorsReader weights, EncoderConfig config)
        {
            if (config.Classifier.Obstacle is { } obstacle)
                throw new InvalidDataException(obstacle);
            if (!EncoderWeights.HasClassHead(weights, config))
                throw Missing(weights, "classifies texts");
        }

        public override torch.nn.Module Create(EncoderConfig config) =>
            new ClassificationHead(config.Architecture, config.Classifier.Labels.Length, KindOf(config));
    }
}
