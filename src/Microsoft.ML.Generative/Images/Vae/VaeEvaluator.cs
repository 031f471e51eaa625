using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Vae;

/// <summary>Evaluates a variational autoencoder with many samples of z for each row.</summary>
internal static class VaeEvaluator
{
    // Rows that go through the decoder at once; the results do not depend on it beyond rounding.
    private const int DecodedAtOnce = 4096;
    private const int RowsAtOnce = 64;

    // Burda, Grosse, Salakhutdinov 2015, section 5.2.
    private const double ActiveVariance = 0.01;

    public static VaeMetrics Evaluate(IHostEnvironment env, VaeTransformer model, IDataView data, int importanceSamples, int? seed)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfLessThan(importanceSamples, 1);
        using IDisposable use = model.Use();
        TensorColumn[] columns = model.OpenColumns(data.Schema);
        IHost host = env.Register(nameof(VaeEvaluator));
        using TensorSource source = TensorSource.Read(host, data, columns, model.Definition.Defaults.RowMemory);
        IBatchSource batches = source.Batches(RowsAtOnce, shuffle: false, 0, model.Device);
        long chosen = SeedSequence.Choose(host, seed);

        using IDisposable noGradient = no_grad();
        using DisposeScope outer = NewDisposeScope();
        Tensor sum = zeros(model.LatentSize, dtype: float64);
        Tensor squares = zeros(model.LatentSize, dtype: float64);
        (double elbo, double reconstruction, double bound) = (0, 0, 0);
        batches.StartEpoch(0);
        for (long i = 0; i < batches.BatchesPerEpoch; i++)
        {
            host.CheckAlive();
            using DisposeScope scope = NewDisposeScope();
            using var generator = new Generator((ulong)SeedSequence.Derive(chosen, i));
            TensorBatch batch = batches.Next();
            Tensor x = model.Definition.Architecture.BinarizesRows ? VaeObjective.Binarize(batch[0], generator) : batch[0];
            Tensor? labels = model.LabelCount == 0 ? null : batch[1];
            (Tensor mean, Tensor logVariance) = model.Network.Encode(x, labels);
            Tensor exactMean = mean.cpu().to(float64);
            sum.PlusInPlace(exactMean.sum([0]));
            squares.PlusInPlace(exactMean.Squared().sum([0]));

            Tensor logWeightSum = TensorFactory.Constant([batch.Rows], double.NegativeInfinity, float64);
            int atOnce = Math.Max(1, DecodedAtOnce / batch.Rows);
            for (int done = 0; done < importanceSamples; done += atOnce)
            {
                using DisposeScope inner = NewDisposeScope();
                int samples = Math.Min(atOnce, importanceSamples - done);
                Tensor noise = randn([samples, batch.Rows, model.LatentSize], generator: generator).to(model.Device);
                (Tensor logWeights, Tensor logLikelihood) = VaeObjective.LogWeights(model.Network, x, labels, mean, logVariance, noise);
                Tensor exact = logWeights.cpu().to(float64); // [samples, rows]
                elbo += exact.sum().ToDouble() / importanceSamples;
                reconstruction -= logLikelihood.cpu().to(float64).sum().ToDouble() / importanceSamples;
                logWeightSum.copy_(logaddexp(logWeightSum, exact.logsumexp(0)));
            }

            bound += logWeightSum.Plus(-Math.Log(importanceSamples)).sum().ToDouble();
        }

        long rows = source.Count;
        Tensor variance = squares.Over(rows) - sum.Over(rows).Squared();
        return new VaeMetrics(
            rows, FiniteValues.Checked(-elbo, "The ELBO") / rows, FiniteValues.Checked(reconstruction, "The reconstruction error") / rows)
        {
            NegativeLogLikelihood = FiniteValues.Checked(-bound, "The likelihood") / rows,
            ImportanceSamples = importanceSamples,
            ActiveUnits = (int)variance.GreaterThan(ActiveVariance).sum().ToInt64(),
        };
    }
}
