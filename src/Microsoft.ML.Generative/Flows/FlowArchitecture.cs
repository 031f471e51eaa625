using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Flows;

/// <summary>What defines a normalizing flow's network.</summary>
internal sealed record FlowArchitecture
{
    public required RowShape Row { get; init; }

    /// <summary>Classes that the density is conditioned on; 0: none.</summary>
    public int LabelCount { get; init; }

    public required int CouplingLayers { get; init; }

    /// <summary>Hidden layers of the conditioners of vectors.</summary>
    public int[] HiddenSizes { get; init; } = [];

    /// <summary>Channels of the conditioners of images.</summary>
    public int ConvolutionChannels { get; init; }

    /// <inheritdoc cref="FlowOptions.MaxLogScale"/>
    public required double MaxLogScale { get; init; }

    /// <summary>Whether the rows are levels of bytes, which get noise to become real values.</summary>
    public bool IsDequantized { get; init; }

    /// <summary>The values that a row may hold.</summary>
    public ValueRange RangeOfValues() => IsDequantized ? ValueRange.Unit : ValueRange.Finite;

    /// <param name="options">Checked options.</param>
    /// <param name="row">The rows of the data.</param>
    /// <param name="labelCount">The classes of the data; 0: none.</param>
    /// <param name="isDequantized">Whether the rows are levels of bytes.</param>
    public static FlowArchitecture Of(FlowOptions options, RowShape row, int labelCount, bool isDequantized) => new()
    {
        Row = row,
        LabelCount = labelCount,
        CouplingLayers = options.CouplingLayers,
        HiddenSizes = row.Image is null ? options.HiddenSizes : [],
        ConvolutionChannels = row.Image is null ? 0 : options.ConvolutionChannels,
        MaxLogScale = options.MaxLogScale,
        IsDequantized = isDequantized,
    };

    /// <exception cref="ArgumentException">There is no such network; the message names the member.</exception>
    public void Validate()
    {
        Row.Validate();
        OptionChecks.AtLeast(LabelCount, 0);
        OptionChecks.AtLeast(CouplingLayers, 1);
        OptionChecks.AllAtLeast(HiddenSizes, 1);
        OptionChecks.AtLeast(ConvolutionChannels, Row.Image is null ? 0 : 1);
        OptionChecks.Positive(MaxLogScale);
    }
}
