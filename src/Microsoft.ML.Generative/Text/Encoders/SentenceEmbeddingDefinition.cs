using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>An embedding of texts without its weights and its tokenizer.</summary>
/// <param name="Encoder">The encoder.</param>
/// <param name="Input">The column of texts.</param>
/// <param name="Output">The column of vectors.</param>
/// <param name="Pooling">How the vectors of tokens become one.</param>
/// <param name="Normalizes">Whether vectors have the length 1.</param>
/// <param name="TransformBatchSize">Rows that a transform computes at once.</param>
internal sealed record SentenceEmbeddingDefinition(
    EncoderCore Encoder, string Input, string Output, EmbeddingPooling Pooling, bool Normalizes, int TransformBatchSize)
    : IModelDefinition<SentenceEmbeddingDefinition>
{
    [JsonIgnore]
    public IReadOnlyList<Component> Components => Encoder.Components();

    public void Validate()
    {
        Encoder.Validate();
        OptionChecks.NotEmpty(Input);
        OptionChecks.NotEmpty(Output);
        OptionChecks.Defined(Pooling);
        OptionChecks.RowsAtOnce(TransformBatchSize);
        CheckPooling(Pooling, Encoder.Architecture);
    }

    /// <exception cref="ArgumentException">The network has no pooler.</exception>
    public static void CheckPooling(EmbeddingPooling pooling, EncoderArchitecture architecture)
    {
        if (pooling == EmbeddingPooling.Pooler && !architecture.HasPooler)
        {
            throw new ArgumentException(
                $"{nameof(Pooling)} is {pooling}, but the network has no pooler: set {nameof(EncoderArchitecture.HasPooler)}, or another "
                + $"{nameof(Pooling)}.", nameof(pooling));
        }
    }
}
