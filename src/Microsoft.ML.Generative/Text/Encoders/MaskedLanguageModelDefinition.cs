using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>A masked language model without its weights and its tokenizer.</summary>
/// <param name="Encoder">The encoder.</param>
/// <param name="Input">The column of texts with masks.</param>
/// <param name="Output">The column of texts without.</param>
/// <param name="TransformBatchSize">Rows that a transform computes at once.</param>
internal sealed record MaskedLanguageModelDefinition(EncoderCore Encoder, string Input, string Output, int TransformBatchSize)
    : IModelDefinition<MaskedLanguageModelDefinition>
{
    [JsonIgnore]
    public Component<MaskedTokenHead> Head => new("token-head", () => new MaskedTokenHead(Encoder.Architecture));

    [JsonIgnore]
    public IReadOnlyList<Component> Components => Encoder.Components(Head);

    public void Validate()
    {
        Encoder.Validate();
        OptionChecks.NotEmpty(Input);
        OptionChecks.NotEmpty(Output);
        OptionChecks.RowsAtOnce(TransformBatchSize);
    }
}
