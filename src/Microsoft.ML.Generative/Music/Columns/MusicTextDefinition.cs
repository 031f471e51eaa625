using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Music.Tokens;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Music.Columns;

/// <summary>What a conversion of music to words is.</summary>
/// <param name="Input">The column of music.</param>
/// <param name="Output">The column of texts.</param>
/// <param name="Words">The words.</param>
internal sealed record MusicTextDefinition(string Input, string Output, MusicVocabulary Words) : IModelDefinition<MusicTextDefinition>
{
    [JsonIgnore]
    public IReadOnlyList<Component> Components => [];

    public void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.NotEmpty(Output);
        ArgumentNullException.ThrowIfNull(Words);
        if (Words.Kind is not (MusicVocabulary.Roll or MusicVocabulary.Voices or MusicVocabulary.Events))
            throw new ArgumentException($"there are no words of music called {Quoted.Text(Words.Kind ?? "")}");
        Words.ToTokens();
    }
}
