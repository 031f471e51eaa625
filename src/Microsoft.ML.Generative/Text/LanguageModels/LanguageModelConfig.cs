using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>What a model file says of the network beside its weights.</summary>
internal sealed record LanguageModelConfig(LanguageModelOptions Options, long Seed) : IModelConfig<LanguageModelNetwork>
{
    /// <inheritdoc cref="TextCodec.OtherEnds"/>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int[]? OtherEnds { get; init; }

    /// <summary>Size of the network's weights.</summary>
    [JsonIgnore]
    public long WeightBytes => checked(sizeof(float) * Options.Architecture.CountParameters());

    public LanguageModelNetwork CreateNetwork() => new(Options.Architecture);

    /// <exception cref="InvalidDataException">The parts contradict each other.</exception>
    public void Validate() => ModelFile.CheckConfig(() =>
    {
        Options.Validate();
        OptionChecks.AtLeast(Options.Architecture.VocabularySize, 1);
        foreach (int end in OtherEnds ?? [])
            OptionChecks.Between(end, 0, Options.Architecture.VocabularySize - 1, nameof(OtherEnds));
        _ = WeightBytes;
    });
}
