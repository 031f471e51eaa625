using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>The decoder of T5 (Raffel et al. 2020), which also has the embedding of the encoder's tokens.</summary>
internal sealed class TargetDecoder(DecoderShape shape, double dropout) : DecoderStack(nameof(TargetDecoder), shape, dropout);
