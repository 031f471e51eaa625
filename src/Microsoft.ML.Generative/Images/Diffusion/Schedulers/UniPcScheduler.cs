using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>B(h) of <see cref="UniPcScheduler"/>.</summary>
public enum UniPcSolverType
{
    /// <summary>h: for generation without guidance.</summary>
    [JsonStringEnumMemberName("bh1")]
    Bh1,

    /// <summary>eʰ − 1: for all else.</summary>
    [JsonStringEnumMemberName("bh2")]
    Bh2,
}

/// <summary>Options of <see cref="UniPcScheduler"/>.</summary>
public sealed record UniPcSchedulerOptions : MultistepSchedulerOptions
{
    /// <summary>B(h). Default: <see cref="UniPcSolverType.Bh2"/>.</summary>
    [JsonPropertyName("solver_type")]
    public UniPcSolverType SolverType { get; init; } = UniPcSolverType.Bh2;

    /// <summary>Whether the image is integrated, and not the noise. Default: true.</summary>
    [JsonPropertyName("predict_x0")]
    public bool PredictX0 { get; init; } = true;

    /// <summary>Steps, from 0, that are not corrected by the next prediction; the first ones with much guidance. Default: none.</summary>
    [JsonPropertyName("disable_corrector")]
    public IReadOnlyList<int> DisableCorrector { get; init; } = [];

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Defined(SolverType);
        ArgumentNullException.ThrowIfNull(DisableCorrector);
        if (!PredictX0 && FinalSigmasType == FinalSigmasType.Zero)
            throw new ArgumentException(
                $"{nameof(PredictX0)} is false, and the noise cannot be integrated to an image without any: set {nameof(FinalSigmasType)} "
                + $"to {FinalSigmasType.SigmaMin}.", nameof(FinalSigmasType));
    }
}

/// <summary>
/// UniPC (Zhao, Bai, Rao, Zhou, Lu 2023, <see href="https://arxiv.org/abs/2302.04867"/>, algorithms 5 to 8): each prediction first
/// corrects the step before and then takes the next; good from 10 steps.
/// </summary>
public sealed class UniPcScheduler : NoiseScheduler
{
    private readonly UniPcSchedulerOptions _options;
    private readonly SigmaSteps _steps;
    private readonly SolverHistory _history;
    private Tensor? _lastSample;
    private int _lastOrder;

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public UniPcScheduler(UniPcSchedulerOptions? options = null)
        : base(options ??= new UniPcSchedulerOptions())
    {
        _options = options;
        _steps = new SigmaSteps(AlphasCumulative);
        _history = new SolverHistory(options.SolverOrder);
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        NoiseLevel here = LevelOf(index), next = LevelOf(index + 1);
        Tensor image = _options.Threshold(Image(sample, modelOutput, here));
        Tensor output = _options.PredictX0 ? image : Epsilon(sample, modelOutput, here);
        if (_lastSample is not null && index > 0 && !_options.DisableCorrector.Contains(index - 1))
            sample = Solve(_lastSample, _lastOrder, index - 1, output);

        if (next.Lambda == here.Lambda)
        {
            // Rounding has made the timestep the same as the next: there is nothing to integrate, and the step before has been corrected.
            _lastSample?.Dispose();
            _lastSample = null;
            return new SchedulerStep(sample.alias(), image);
        }

        _history.Add(output, here.Lambda);
        // A step to no noise at all is without end in λ: earlier predictions have no place in it.
        int order = next.Noise == 0 ? 1
            : _options.LowerOrderFinal ? Math.Min(_options.SolverOrder, Timesteps.Count - index)
            : _options.SolverOrder;
        _lastOrder = Math.Min(order, _history.Steps + 1);
        Tensor kept = Remember(sample);
        _lastSample?.Dispose();
        _lastSample = kept;
        Tensor result = Solve(sample, _lastOrder, index, newest: null);
        _history.CountStep();
        return new SchedulerStep(result, image);
    }

    /// <summary>Takes one step by the predictions at its start and before; and by that at its end, where it is corrected.</summary>
    private Tensor Solve(Tensor sample, int order, int index, Tensor? newest)
    {
        NoiseLevel from = LevelOf(index), to = LevelOf(index + 1);
        float h = to.Lambda - from.Lambda, hh = _options.PredictX0 ? -h : h;
        Tensor here = _history[^1].Values;
        List<float> ratios = [];
        List<Tensor> differences = [];
        for (int i = 1; i < order; i++)
        {
            float ratio = (_history[^(i + 1)].Lambda - from.Lambda) / h;
            ratios.Add(ratio);
            differences.Add((_history[^(i + 1)].Values - here).Over(ratio));
        }

        ratios.Add(1);
        float phi = ExpM1(hh), b = _options.SolverType == UniPcSolverType.Bh1 ? hh : phi;
        float[] weights = newest is null ? Predictor(order, ratios, hh, b) : order == 1 ? [0.5f] : Weights(order, ratios, hh, b);
        float scale = _options.PredictX0 ? to.Signal : to.Noise;
        Tensor next = sample.Times(_options.PredictX0 ? to.Noise / from.Noise : to.Signal / from.Signal).Plus(here, -scale * phi);
        for (int i = 0; i < differences.Count; i++)
            next = next.Plus(differences[i], -scale * b * weights[i]);
        return newest is null ? next : next.Plus(newest - here, -scale * b * weights[^1]);
    }

    private static float[] Predictor(int order, List<float> ratios, float hh, float b) => order switch
    {
        1 => [],
        2 => [0.5f],
        _ => Weights(order - 1, ratios, hh, b),
    };

    // Theorem 3.1: the solution of a Vandermonde system in the ratios.
    private static float[] Weights(int count, List<float> ratios, float hh, float b)
    {
        double[,] matrix = new double[count, count + 1];
        float phi = ExpM1(hh) / hh - 1, factorial = 1;
        for (int i = 0; i < count; i++)
        {
            for (int k = 0; k < count; k++)
                matrix[i, k] = Math.Pow(ratios[k], i);
            matrix[i, count] = phi * factorial / b;
            factorial *= i + 2;
            phi = phi / hh - 1 / factorial;
        }

        return Eliminate(matrix, count);
    }

    private static float[] Eliminate(double[,] matrix, int count)
    {
        for (int pivot = 0; pivot < count; pivot++)
        {
            int best = Enumerable.Range(pivot, count - pivot).MaxBy(row => Math.Abs(matrix[row, pivot]));
            for (int column = 0; column <= count; column++)
                (matrix[pivot, column], matrix[best, column]) = (matrix[best, column], matrix[pivot, column]);
            for (int row = 0; row < count; row++)
            {
                double factor = row == pivot ? 0 : matrix[row, pivot] / matrix[pivot, pivot];
                for (int column = pivot; column <= count && factor != 0; column++)
                    matrix[row, column] -= factor * matrix[pivot, column];
            }
        }

        return [.. Enumerable.Range(0, count).Select(i => (float)(matrix[i, count] / matrix[i, i]))];
    }

    private static float ExpM1(float x) =>
        MathF.Abs(x) < 0.01f ? (float)(x * (1 + x / 2.0 * (1 + x / 3.0 * (1 + x / 4.0)))) : (float)(Math.Exp(x) - 1);

    private NoiseLevel LevelOf(int step) => NoiseLevel.OfSigma(_steps[step]);

    private protected override NoiseLevel LevelAt(double timestep) => LevelOf(IndexOf(timestep));

    private protected override double[] Choose(int steps)
    {
        double[] even = TimestepGrid.WithoutLast(TrainTimesteps, TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset);
        (double[] timesteps, double[] sigmas) = _steps.Space(
            even, _options, _steps.Table.Highest, _steps.Table.Lowest,
            t => _options.UseKarrasSigmas ? Math.Round(t, MidpointRounding.ToEven) : Math.Truncate(t));
        _steps.Set(sigmas, _options.LastSigma(_steps.Table));
        return timesteps;
    }

    private protected override void Forget()
    {
        _history.Clear();
        _lastSample?.Dispose();
        (_lastSample, _lastOrder) = (null, 0);
    }
}
