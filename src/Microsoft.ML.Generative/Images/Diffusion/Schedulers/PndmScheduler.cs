using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>Options of <see cref="PndmScheduler"/>.</summary>
public sealed record PndmSchedulerOptions : NoiseSchedulerOptions
{
    /// <summary>Initializes options with their defaults.</summary>
    public PndmSchedulerOptions()
        : base(TimestepSpacing.Leading)
    {
    }

    /// <summary>Whether the Runge-Kutta steps at the beginning are left out. Default: false.</summary>
    [JsonPropertyName("skip_prk_steps")]
    public bool SkipPrkSteps { get; init; }

    /// <summary>Whether the last step goes to an image without noise, and not to that of the first timestep. Default: false.</summary>
    [JsonPropertyName("set_alpha_to_one")]
    public bool SetAlphaToOne { get; init; }

    internal override void Validate()
    {
        base.Validate();
        if (Schedule.RescaleBetasZeroSnr || Schedule.TrainedBetas?.Contains(1) == true)
            throw EndsWithNoise();
        if (PredictionType == PredictionType.Sample)
            throw new ArgumentException(
                $"{nameof(PredictionType)} is {PredictionType}; expected {PredictionType.Epsilon} or "
                + $"{PredictionType.Velocity}.", nameof(PredictionType));
    }

    internal static ArgumentException EndsWithNoise() => new(
        $"{nameof(Schedule)} ends with nothing but noise ({nameof(NoiseScheduleOptions.RescaleBetasZeroSnr)}, or very large β). PNDM "
        + "divides by the part of the image "
        + "that is left, and cannot start from there: choose another sampler.",
        nameof(Schedule));
}

/// <summary>
/// Pseudo numerical methods for diffusion models on manifolds (Liu, Ren, Lin, Zhao 2022, <see href="https://arxiv.org/abs/2202.09778"/>,
/// eq. 9 to 13): three steps of a pseudo Runge-Kutta method, each of four predictions, then a linear multistep method of order 4.
/// </summary>
public sealed class PndmScheduler : NoiseScheduler
{
    private const int RungeKuttaSteps = 3;
    private const int Stages = 4;

    private readonly PndmSchedulerOptions _options;
    private readonly List<Tensor> _outputs = [];
    private Tensor? _sum;
    private Tensor? _sample;

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public PndmScheduler(PndmSchedulerOptions? options = null)
        : base(options ??= new PndmSchedulerOptions())
    {
        _options = options;
        if (AlphasCumulative[^1] < SigmaSteps.NoAlpha)
            throw PndmSchedulerOptions.EndsWithNoise();
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        CheckTimestepsAreSet();
        return index < RungeKuttaTimesteps ? RungeKutta(modelOutput, index, sample) : Multistep(modelOutput, index, sample);
    }

    // Timesteps of the Runge-Kutta steps: of each its first, its middle twice, and its end.
    private int RungeKuttaTimesteps => _options.SkipPrkSteps ? 0 : RungeKuttaSteps * Stages;

    private SchedulerStep RungeKutta(Tensor output, int index, Tensor sample)
    {
        int stage = index % Stages, start = index - stage;
        switch (stage)
        {
            case 0:
                Replace(ref _sum, output.Times(1.0 / 6));
                _outputs.Add(Remember(output));
                Replace(ref _sample, sample);
                break;
            case 1 or 2:
                Replace(ref _sum, _sum!.Plus(output, 1.0 / 3));
                break;
            default:
                output = _sum!.Plus(output, 1.0 / 6);
                break;
        }

        // The first two predictions lead to the middle, the others to the end.
        return Previous(_sample!, (int)Timesteps[start], (int)Timesteps[start + (stage < 2 ? 1 : 3)], output);
    }

    // As many earlier predictions as there are since the loop began are combined (eq. 12 and 13).
    private SchedulerStep Multistep(Tensor output, int index, Tensor sample)
    {
        // Without Runge-Kutta steps, the first step of all is taken a second time, with the mean of the predictions at both of its ends.
        if (FirstIsTakenTwice && index == 1)
            return Previous(_sample!, (int)Timesteps[0], (int)Timesteps[1], output.Plus(_outputs[^1]).Times(0.5));
        if (FirstIsTakenTwice && index == 0)
            Replace(ref _sample, sample);

        if (_outputs.Count == 4)
        {
            _outputs[0].Dispose();
            _outputs.RemoveAt(0);
        }

        _outputs.Add(Remember(output));
        output = _outputs.Count switch
        {
            1 => output,
            2 => _outputs[^1].Times(3).Plus(_outputs[^2], -1).Over(2),
            3 => _outputs[^1].Times(23).Plus(_outputs[^2], -16).Plus(_outputs[^3], 5).Over(12),
            _ => _outputs[^1].Times(55).Plus(_outputs[^2], -59).Plus(_outputs[^3], 37).Plus(_outputs[^4], -9).Times(1.0 / 24),
        };
        return Previous(sample, (int)Timesteps[index], TimestepAfter(index), output);
    }

    private bool FirstIsTakenTwice => _options.SkipPrkSteps && Timesteps.Count > 1;

    // Eq. 9.
    private SchedulerStep Previous(Tensor sample, int timestep, int previous, Tensor output)
    {
        float alpha = AlphasCumulative[timestep];
        float alphaPrevious = previous >= 0 ? AlphasCumulative[previous] : _options.SetAlphaToOne ? 1 : AlphasCumulative[0];
        float rest = 1 - alpha, restPrevious = 1 - alphaPrevious;
        output = Epsilon(sample, output, NoiseLevel.OfAlphaCumulative(alpha));
        float denominator = alpha * MathF.Sqrt(restPrevious) + MathF.Sqrt(alpha * rest * alphaPrevious);
        Tensor next = sample.Times(MathF.Sqrt(alphaPrevious / alpha)) - output.Times(alphaPrevious - alpha).Over(denominator);
        return new SchedulerStep(next, sample.Plus(output, -MathF.Sqrt(rest)).Over(MathF.Sqrt(alpha)));
    }

    internal override bool HasOverlappingSteps => true;

    private protected override IEnumerable<int> FindStepStarts(int count) => Enumerable.Range(0, count)
        .Where(index => index >= RungeKuttaTimesteps ? index != 1 || !_options.SkipPrkSteps : index % Stages == 0);

    private protected override double[] Choose(int steps)
    {
        double[] even = TimestepGrid.Whole(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset);
        if (_options.SkipPrkSteps)
            return steps == 1 ? even : [even[0], even[1], .. even[1..]];
        if (steps <= RungeKuttaSteps)
            throw new ArgumentOutOfRangeException(
                nameof(steps), steps,
                $"The Runge-Kutta steps need {RungeKuttaSteps + 1} timesteps; set {nameof(PndmSchedulerOptions.SkipPrkSteps)} for fewer.");
        return [.. Enumerable.Range(0, RungeKuttaSteps).SelectMany(i => Step(even[i], even[i + 1])), .. even[RungeKuttaSteps..]];

        static double[] Step(double start, double end)
        {
            double middle = end + Math.Floor((start - end) / 2);
            return [start, middle, middle, end];
        }
    }

    private protected override void Forget()
    {
        foreach (Tensor output in _outputs)
            output.Dispose();
        _outputs.Clear();
        _sum?.Dispose();
        _sample?.Dispose();
        (_sum, _sample) = (null, null);
    }

    private static void Replace(ref Tensor? kept, Tensor values)
    {
        Tensor copy = Remember(values);
        kept?.Dispose();
        kept = copy;
    }
}
