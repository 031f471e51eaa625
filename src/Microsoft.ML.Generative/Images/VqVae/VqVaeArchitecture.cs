using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Images.VqVae;

/// <summary>What defines the two networks of a VQ-VAE.</summary>
internal sealed record VqVaeArchitecture
{
    public required ImageShape Shape { get; init; }

    public required int CodebookSize { get; init; }

    public required int CodeSize { get; init; }

    public required int Downsamplings { get; init; }

    public required int HiddenChannels { get; init; }

    public required int ResidualBlocks { get; init; }

    public required int ResidualChannels { get; init; }

    public required int PriorLayers { get; init; }

    public required int PriorEmbeddingSize { get; init; }

    public required int PriorHeads { get; init; }

    [JsonIgnore]
    public CodeGrid Grid => new(Coarse(Shape.Height), Coarse(Shape.Width));

    /// <param name="options">Checked options.</param>
    /// <param name="shape">The shape of the data's images.</param>
    public static VqVaeArchitecture Of(VqVaeOptions options, ImageShape shape) => new()
    {
        Shape = shape,
        CodebookSize = options.CodebookSize,
        CodeSize = options.CodeSize,
        Downsamplings = options.Downsamplings,
        HiddenChannels = options.HiddenChannels,
        ResidualBlocks = options.ResidualBlocks,
        ResidualChannels = options.ResidualChannels,
        PriorLayers = options.PriorLayers,
        PriorEmbeddingSize = options.PriorEmbeddingSize,
        PriorHeads = options.PriorHeads,
    };

    /// <exception cref="ArgumentException">There are no such networks; the message names the member.</exception>
    public void Validate()
    {
        if (!Shape.IsPossible)
            throw new ArgumentException($"there are no images of {Shape}");
        _ = Shape.Size;
        OptionChecks.Between(CodebookSize, 2, 1 << 15);
        OptionChecks.AtLeast(CodeSize, 1);
        OptionChecks.Between(Downsamplings, 1, 8);
        OptionChecks.AtLeast(HiddenChannels, 1);
        OptionChecks.AtLeast(ResidualBlocks, 0);
        OptionChecks.AtLeast(ResidualChannels, 1);
        OptionChecks.AtLeast(PriorLayers, 1);
        OptionChecks.AtLeast(PriorHeads, 1);
        OptionChecks.AtLeast(PriorEmbeddingSize, 1);
        if (PriorEmbeddingSize % PriorHeads != 0)
        {
            throw new ArgumentException(
                $"{nameof(PriorEmbeddingSize)} is {PriorEmbeddingSize}; expected a multiple of {nameof(PriorHeads)}, {PriorHeads}.");
        }
    }

    private int Coarse(int pixels) => (int)((pixels + (1L << Downsamplings) - 1) >> Downsamplings);
}

/// <summary>Height and width of the codes of an image.</summary>
internal readonly record struct CodeGrid(int Height, int Width)
{
    public int Size => checked(Height * Width);
}
