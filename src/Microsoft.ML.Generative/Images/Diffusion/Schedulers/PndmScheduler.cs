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
        if (PredictionType == PredictionType.Sample)
            throw new ArgumentException($"{nameof(PredictionType)} is {PredictionType}; expected {PredictionType.Epsilon} or {PredictionType.Velocity}.", nameof(PredictionType));
    }
}

/// <summary>
/// Pseudo numerical methods for diffusion models on manifolds (Liu, Ren, Lin, Zhao 2022, <see href="https://arxiv.org/abs/2202.09778"/>, eq. 9 to 13): three steps of
/// a pseudo Runge-Kutta method, each of four predictions, then a linear multistep method of order 4.
/// </summary>
public sealed class PndmScheduler : NoiseScheduler
{
    // Timesteps that the Runge-Kutta steps begin with.
    private const int Warmup = 4;

    private readonly PndmSchedulerOptions _options;
    private readonly List<Tensor> _outputs = [];
    private double[] _prkTimesteps = [];
    private Tensor? _sum;
    private Tensor? _sample;
    private int _counter;

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public PndmScheduler(PndmSchedulerOptions? options = null)
        : base(options ??= new PndmSchedulerOptions())
    {
        _options = options;
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, double timestep, Tensor sample, Func<Tensor>? noise) =>
        _counter < _prkTimesteps.Length ? RungeKutta(modelOutput, (int)timestep, sample) : Multistep(modelOutput, (int)timestep, sample);

    private SchedulerStep RungeKutta(Tensor output, int timestep, Tensor sample)
    {
        int previous = timestep - (_counter % 2 == 1 ? 0 : TrainTimesteps / Steps / 2);
        timestep = (int)_prkTimesteps[_counter / 4 * 4];
        switch (_counter % 4)
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

        _counter++;
        return Previous(_sample!, timestep, previous, output);
    }

    private SchedulerStep Multistep(Tensor output, int timestep, Tensor sample)
    {
        int stride = TrainTimesteps / Steps, previous = timestep - stride;
        if (_counter != 1)
        {
            while (_outputs.Count > Warmup - 1)
            {
                _outputs[0].Dispose();
                _outputs.RemoveAt(0);
            }

            _outputs.Add(Remember(output));
        }
        else
        {
            (previous, timestep) = (timestep, timestep + stride);
        }

        switch (_outputs.Count)
        {
            case 1 when _counter == 0:
                Replace(ref _sample, sample);
                break;
            case 1:
                output = output.Plus(_outputs[^1]).Times(0.5);
                sample = _sample!;
                break;
            case 2:
                output = _outputs[^1].Times(3).Plus(_outputs[^2], -1).Over(2);
                break;
            case 3:
                output = _outputs[^1].Times(23).Plus(_outputs[^2], -16).Plus(_outputs[^3], 5).Over(12);
                break;
            default:
                output = _outputs[^1].Times(55).Plus(_outputs[^2], -59).Plus(_outputs[^3], 37).Plus(_outputs[^4], -9).Times(1.0 / 24);
                break;
        }

        _counter++;
        return Previous(sample, timestep, previous, output);
    }

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

    private protected override double[] Choose(int steps)
    {
        double[] rising = [.. TimestepGrid.Whole(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset).Reverse()];
        if (_options.SkipPrkSteps)
        {
            _prkTimesteps = [];
            return steps == 1 ? rising : [.. ((double[])[.. rising[..^1], rising[^2], rising[^1]]).Reverse()];
        }

        if (steps < Warmup)
            throw new ArgumentOutOfRangeException(nameof(steps), steps, $"The Runge-Kutta steps need {Warmup} timesteps; set {nameof(PndmSchedulerOptions.SkipPrkSteps)} for fewer.");
        double half = TrainTimesteps / steps / 2;
        double[] halves = [.. rising[^Warmup..].SelectMany(t => (double[])[t, t + half])];
        double[] prk = [.. halves[..^1].SelectMany(t => (double[])[t, t])];
        _prkTimesteps = [.. prk[1..^1].Reverse()];
        return [.. _prkTimesteps, .. rising[..^(Warmup - 1)].Reverse()];
    }

    private protected override void Forget()
    {
        foreach (Tensor output in _outputs)
            output.Dispose();
        _outputs.Clear();
        _sum?.Dispose();
        _sample?.Dispose();
        (_sum, _sample, _counter) = (null, null, 0);
    }

    private static void Replace(ref Tensor? kept, Tensor values)
    {
        Tensor copy = Remember(values);
        kept?.Dispose();
        kept = copy;
    }
}
