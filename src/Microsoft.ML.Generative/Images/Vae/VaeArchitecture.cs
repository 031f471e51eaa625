using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Vae.Networks;

namespace Microsoft.ML.Generative.Images.Vae;

/// <summary>What defines a variational autoencoder's network.</summary>
internal sealed record VaeArchitecture
{
    public required VaeNetworkKind Network { get; init; }

    public required RowShape Row { get; init; }

    /// <summary>Classes that the rows are conditioned on (Sohn, Lee, Yan 2015); 0: none.</summary>
    public int LabelCount { get; init; }

    public required int LatentSize { get; init; }

    /// <summary>Of <see cref="VaeNetworkKind.Mlp"/>.</summary>
    public int[] HiddenSizes { get; init; } = [];

    /// <summary>Of <see cref="VaeNetworkKind.Convolutional"/>.</summary>
    public int[] ConvolutionChannels { get; init; } = [];

    public required VaeLikelihood Likelihood { get; init; }

    /// <inheritdoc cref="VaeOptions.NoiseStandardDeviation"/>
    public double NoiseStandardDeviation { get; init; } = VaeOptions.Defaults.NoiseStandardDeviation;

    /// <summary>
    /// Whether the likelihood is that of black and white rows, which are sampled with the values as probabilities of white.
    /// </summary>
    public bool BinarizesRows { get; init; }

    /// <summary>Planes of an image; 1 for other rows.</summary>
    [JsonIgnore]
    public int Channels => Row.Image?.Channels ?? 1;

    /// <param name="options">Checked options.</param>
    /// <param name="row">The rows of the data.</param>
    /// <param name="labelCount">The classes of the data; 0: none.</param>
    public static VaeArchitecture Of(VaeOptions options, RowShape row, int labelCount = 0)
    {
        var architecture = new VaeArchitecture
        {
            Network = options.Network,
            Row = row,
            LabelCount = labelCount,
            LatentSize = options.LatentSize,
            Likelihood = options.Likelihood,
            NoiseStandardDeviation = options.NoiseStandardDeviation,
            BinarizesRows = options.DynamicBinarization,
        };
        return VaeLayers.Of(options.Network).WithSizes(architecture, options);
    }

    /// <exception cref="ArgumentException">There is no such network; the message names the member.</exception>
    public void Validate()
    {
        OptionChecks.Defined(Network);
        OptionChecks.Defined(Likelihood);
        Row.Validate();
        OptionChecks.AtLeast(LabelCount, 0);
        OptionChecks.AtLeast(LatentSize, 1);
        OptionChecks.AllAtLeast(HiddenSizes, 1);
        OptionChecks.AllAtLeast(ConvolutionChannels, 1);
        OptionChecks.Positive(NoiseStandardDeviation);
        VaeLayers.Of(Network).Check(this);
    }
}
