using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Gan.Networks;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>What defines the generator.</summary>
internal sealed record GanArchitecture
{
    public required GanNetworkKind Network { get; init; }

    public required RowShape Row { get; init; }

    /// <summary>Classes that the rows are conditioned on; 0: none.</summary>
    public int LabelCount { get; init; }

    public required int LatentSize { get; init; }

    /// <summary>Of networks with convolutions.</summary>
    public int BaseChannels { get; init; } = GanOptions.Defaults.BaseChannels;

    /// <summary>Of <see cref="GanNetworkKind.Mlp"/>.</summary>
    public int[] HiddenSizes { get; init; } = [];

    /// <summary>How the generator is conditioned on the class; <see langword="null"/>: there are no classes.</summary>
    public GanGeneratorConditioning? Conditioning { get; init; }

    public int LabelEmbeddingSize { get; init; } = GanOptions.Defaults.LabelEmbeddingSize;

    /// <summary>Width of the generator's input: z, and perhaps an embedding of the class beside it.</summary>
    [JsonIgnore]
    public long LatentInputs => (long)LatentSize + (Conditioning == GanGeneratorConditioning.Concatenation ? LabelEmbeddingSize : 0);

    /// <summary>Width of what the generator's normalizations follow; 0: nothing.</summary>
    [JsonIgnore]
    public int NormCondition => Conditioning == GanGeneratorConditioning.BatchNormalization ? LabelEmbeddingSize : 0;

    /// <param name="options">Checked options.</param>
    /// <param name="row">The rows of the data.</param>
    /// <param name="labelCount">The classes of the data; 0: none.</param>
    public static GanArchitecture Of(GanOptions options, RowShape row, int labelCount)
    {
        GanNetworks networks = GanNetworks.Of(options, row);
        return new GanArchitecture
        {
            Network = networks.Kind,
            Row = row,
            LabelCount = labelCount,
            LatentSize = options.LatentSize,
            BaseChannels = options.BaseChannels,
            HiddenSizes = networks.HiddenSizes(options),
            Conditioning = labelCount == 0 ? null : options.GeneratorConditioning,
            LabelEmbeddingSize = options.LabelEmbeddingSize,
        };
    }

    /// <summary>Creates a generator, with weights from libtorch's own generator.</summary>
    public GeneratorNetwork CreateGenerator() => GanNetworks.Of(Network).CreateGenerator(this);

    /// <summary>Samples classes, [rows], or returns <see langword="null"/> if there are none.</summary>
    public Tensor? SampleLabels(long rows, Generator generator) =>
        LabelCount == 0 ? null : randint(0, LabelCount, [rows], ScalarType.Int64, generator: generator);

    /// <exception cref="ArgumentException">There is no such network; the message names the member.</exception>
    public void Validate()
    {
        OptionChecks.Defined(Network);
        Row.Validate();
        OptionChecks.AtLeast(LabelCount, 0);
        OptionChecks.AtLeast(LatentSize, 1);
        OptionChecks.AtLeast(BaseChannels, 1);
        OptionChecks.AllAtLeast(HiddenSizes, 1);
        OptionChecks.Defined(Conditioning ?? default, nameof(Conditioning));
        OptionChecks.AtLeast(LabelEmbeddingSize, 1);
        if (Conditioning is null != (LabelCount == 0))
            throw new ArgumentException($"{nameof(Conditioning)} is '{Conditioning}' for {LabelCount} classes");
        GanNetworks.Of(Network).Check(this);
    }
}
