using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.Gan.Generation;

/// <summary>Generates rows with a trained generator, interpolates them, and finds the z of given ones.</summary>
/// <param name="host">Stops between batches when its context is canceled.</param>
/// <param name="definition">The model.</param>
/// <param name="network">The generator.</param>
/// <param name="device">Where it is.</param>
internal sealed class GanGenerator(IHost host, GanDefinition definition, GeneratorNetwork network, torch.Device device)
{
    private readonly ConditionSet _conditions = definition.Conditions;
    private readonly ValueRange _range = definition.Architecture.Row.Image is null ? ValueRange.Finite : ValueRange.Unit;

    private int LatentSize => definition.Architecture.LatentSize;

    /// <inheritdoc cref="GanTransformer.Generate"/>
    public MemoryDataView Generate(int count, GanGenerateOptions? options)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        options ??= new GanGenerateOptions();
        options.Validate();
        _conditions.Check(options.Conditions, count, nameof(options));

        long seed = SeedSequence.Choose(host, options.Seed);
        return Rows(count, options.Conditions, options.BatchSize, (start, rows) => Generate(
            SampleLatents(SeedSequence.DeriveMany(seed, start, rows), options.Truncation),
            _conditions.Encode(options.Conditions, start, rows, device)), options.CancellationToken);
    }

    /// <inheritdoc cref="GanTransformer.SampleLatent"/>
    public float[] SampleLatent(int seed, double? truncation)
    {
        OptionChecks.NoiseScale(truncation ?? 1, GanOptions.LowestTruncation, nameof(truncation));
        using torch.Tensor z = SampleLatents(SeedSequence.DeriveMany(seed, 0, 1), truncation);
        return TensorMemory.ToArray<float>(z);
    }

    /// <inheritdoc cref="GanTransformer.Decode"/>
    public float[] Decode(ReadOnlySpan<float> latent, int? label, string? labelName)
    {
        RowChecks.HasValues(latent, LatentSize, ValueRange.Finite, nameof(latent));
        var request = new ConditionRequest(label) { LabelName = labelName };
        _conditions.Check(request, 1, nameof(label));
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        return FiniteValues.ToArray(
            Generate(torch.tensor(latent.ToArray(), [1, LatentSize]), _conditions.Encode(request, 0, 1, device)), "The generated row");
    }

    /// <inheritdoc cref="GanTransformer.Interpolate"/>
    public MemoryDataView Interpolate(
        ReadOnlySpan<float> from, ReadOnlySpan<float> to, int count, ConditionRequest request, int? batchSize = null,
        CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        RowChecks.HasValues(from, LatentSize, ValueRange.Finite, nameof(from));
        RowChecks.HasValues(to, LatentSize, ValueRange.Finite, nameof(to));
        _conditions.Check(request, count, "options");
        float[] first = from.ToArray(), last = to.ToArray();
        return Rows(count, request, batchSize, (start, rows) =>
        {
            torch.Tensor a = torch.tensor(first, [1, LatentSize]), b = torch.tensor(last, [1, LatentSize]);
            return Generate(SphericalInterpolation.Points(a, b, start, rows, count), _conditions.Encode(request, start, rows, device));
        }, cancellation);
    }

    /// <inheritdoc cref="GanTransformer.Project"/>
    public float[] Project(ReadOnlySpan<float> row, GanProjectOptions? options)
    {
        options ??= new GanProjectOptions();
        options.Validate();
        RowChecks.HasSize(row, definition.Architecture.Row.Size, nameof(row));
        RowChecks.IsWithin(row, _range, nameof(row));
        var request = new ConditionRequest(options.Label) { LabelName = options.LabelName };
        _conditions.Check(request, 1, nameof(options));

        long seed = SeedSequence.Choose(host, options.Seed);
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor target = torch.tensor(row.ToArray(), [1, .. definition.Architecture.Row.Dimensions], device: device);
        var projection = new LatentProjection(
            network, definition.Architecture.Row.Image is null ? target : PixelScale.Signed(target),
            _conditions.Encode(request, 0, 1, device).Labels);
        torch.Tensor z = projection.Nearest(SampleLatents(SeedSequence.DeriveMany(seed, 0, options.Starts), truncation: null));
        projection.Improve(z, options, () =>
        {
            host.CheckAlive();
            options.CancellationToken.ThrowIfCancellationRequested();
        });
        return FiniteValues.ToArray(z, "The latent vector");
    }

    /// <summary>Samples the z of some keys, [keys, latent].</summary>
    public torch.Tensor SampleLatents(IReadOnlyList<long> keys, double? truncation) =>
        new KeyedNoise(keys, [LatentSize], device) { Bound = truncation }.Next();

    /// <summary>Generates the rows of some z.</summary>
    /// <param name="z">[batch, latent], on any device.</param>
    /// <param name="conditions">The rows' conditions.</param>
    /// <returns>[batch, ..row shape]; images in 0..1.</returns>
    public torch.Tensor Generate(torch.Tensor z, ConditionValues conditions)
    {
        torch.Tensor rows = network.Forward(z.to(device), conditions.Labels);
        return definition.Architecture.Row.Image is null ? rows : PixelScale.Unsigned(rows);
    }

    private MemoryDataView Rows(
        int count, ConditionRequest request, int? batchSize, Func<int, int, torch.Tensor> generate,
        CancellationToken cancellation = default)
    {
        RowShape row = definition.Architecture.Row;
        float[] values = RowGeneration.Compute(
            host, count, row.Size, batchSize ?? definition.Defaults.TransformBatchSize, generate, cancellation);
        return new MemoryDataView(
            host,
            MemoryColumn.Vectors(GanTransformer.GeneratedColumnName, row.Type, values, SlotNames.ToAnnotations(definition.Columns.Slots)),
            _conditions.GeneratedColumns(request, count));
    }
}
