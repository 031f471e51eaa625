using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Images.Classification;

/// <summary>What defines an image classifier's network.</summary>
internal sealed record ImageClassifierArchitecture
{
    public required ImageClassifierNetworkKind Network { get; init; }

    public required ImageShape Shape { get; init; }

    public required int ClassCount { get; init; }

    public required int BaseChannels { get; init; }

    public required int Stages { get; init; }

    public required int BlocksPerStage { get; init; }

    public required ImageClassifierNormalization Normalization { get; init; }

    /// <summary>Values of an image's description, before the last layer.</summary>
    [JsonIgnore]
    public int FeatureSize => BaseChannels << (Stages - 1);

    /// <param name="options">Checked options.</param>
    /// <param name="shape">The shape of the data's images.</param>
    /// <param name="classCount">The classes of the data.</param>
    public static ImageClassifierArchitecture Of(ImageClassifierOptions options, ImageShape shape, int classCount) => new()
    {
        Network = options.Network,
        Shape = shape,
        ClassCount = classCount,
        BaseChannels = options.BaseChannels,
        Stages = options.Stages,
        BlocksPerStage = options.BlocksPerStage,
        Normalization = options.Normalization,
    };

    /// <exception cref="ArgumentException">There is no such network; the message names the member.</exception>
    public void Validate()
    {
        OptionChecks.Defined(Network);
        OptionChecks.Defined(Normalization);
        if (!Shape.IsPossible)
            throw new ArgumentException($"there are no images of {Shape}");
        OptionChecks.AtLeast(ClassCount, 2);
        ImageClassifierOptions.CheckSizes(BaseChannels, Stages, BlocksPerStage);
    }
}
