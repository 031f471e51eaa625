using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>What an embedding of texts is, beside the model that computes it.</summary>
/// <param name="Input">The column of texts.</param>
/// <param name="Output">The column of vectors.</param>
internal sealed record TextEmbeddingDefinition(string Input, string Output) : IModelDefinition<TextEmbeddingDefinition>
{
    [JsonIgnore]
    public IReadOnlyList<Component> Components => [];

    public void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.NotEmpty(Output);
    }
}
