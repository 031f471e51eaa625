using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Music.Columns;

/// <summary>What a conversion of music to piano rolls is.</summary>
/// <param name="Input">The column of music.</param>
/// <param name="Output">The column of piano rolls.</param>
/// <param name="Roll">The piano rolls.</param>
internal sealed record PianoRollDefinition(string Input, string Output, PianoRoll Roll) : IModelDefinition<PianoRollDefinition>
{
    [JsonIgnore]
    public IReadOnlyList<Component> Components => [];

    public void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.NotEmpty(Output);
        ArgumentNullException.ThrowIfNull(Roll);
        Roll.Validate();
    }
}
