using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>Evaluates a diffusion model on images that it has not learned.</summary>
internal static class DiffusionEvaluator
{
    private const int RowsAtOnce = 32;

    public static DiffusionMetrics Evaluate(IHostEnvironment env, DiffusionTransformer model, IDataView data, int timesteps, int? seed)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfLessThan(timesteps, DiffusionObjective.Bands);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(timesteps, model.TrainTimesteps);
        using IDisposable use = model.Use();
        DiffusionArchitecture architecture = model.Definition.Architecture;
        ConditionSet conditions = model.Definition.Conditions;
        IHost host = env.Register(nameof(DiffusionEvaluator));
        using TensorSource source = TensorSource.Read(
            host, data, DiffusionTransformer.TrainingTensors(data.Schema, architecture, model.Definition.Columns),
            model.Definition.Defaults.RowMemory);
        IBatchSource batches = source.Batches(RowsAtOnce, shuffle: false, 0, model.Device);
        long chosen = SeedSequence.Choose(host, seed);

        using IDisposable noGradient = no_grad();
        using var error = new DiffusionError(architecture, model.Network, model.Device);
        var sums = new Sums();
        batches.StartEpoch(0);
        for (long i = 0; i < batches.BatchesPerEpoch; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            using var generator = new Generator((ulong)SeedSequence.Derive(chosen, i));
            TensorBatch batch = batches.Next();
            DiffusionInputs inputs = DiffusionInputs.Of(conditions, batch.Columns);
            if (architecture.Process == DiffusionProcess.Denoising)
                sums.Bits += error.PriorTerms(inputs.Images).sum().ToDouble();
            for (int step = 0; step < timesteps; step++)
            {
                host.CheckAlive();
                using DisposeScope inner = NewDisposeScope();
                Tensor noise = randn(inputs.Images.shape, generator: generator).to(model.Device);
                sums.Add(error.Score(inputs, noise, step, timesteps), DiffusionObjective.Bands * step / timesteps);
            }
        }

        return sums.Metrics(source.Count, architecture.Process == DiffusionProcess.Denoising, timesteps);
    }

    private sealed class Sums
    {
        private readonly double[] _losses = new double[DiffusionObjective.Bands];
        private readonly double[] _noiseLosses = new double[DiffusionObjective.Bands];
        private readonly long[] _counts = new long[DiffusionObjective.Bands];

        public double Bits { get; set; }

        public void Add(DiffusionScore score, int band)
        {
            _losses[band] += score.Squares.sum().ToDouble();
            _counts[band] += score.Squares.numel();
            if (score.NoiseSquares is null)
                return;
            _noiseLosses[band] += score.NoiseSquares.sum().ToDouble();
            Bits += score.Bound!.sum().ToDouble();
        }

        public DiffusionMetrics Metrics(long rows, bool isDenoising, int timesteps)
        {
            double all = (double)rows * timesteps;
            double loss = FiniteValues.Checked(_losses.Sum(), "The loss") / all;
            double bits = FiniteValues.Checked(Bits, "The bound of the likelihood") / rows / Math.Log(2);
            return new DiffusionMetrics(rows, loss, isDenoising ? _noiseLosses.Sum() / all : double.NaN)
            {
                LossByBand = [.. _losses.Zip(_counts, (sum, count) => sum / count)],
                NoiseLossByBand = isDenoising ? [.. _noiseLosses.Zip(_counts, (sum, count) => sum / count)] : [],
                BitsPerDimension = isDenoising ? bits : double.NaN,
            };
        }
    }
}
