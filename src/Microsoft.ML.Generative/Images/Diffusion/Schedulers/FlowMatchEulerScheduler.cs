#pragma warning disable
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;
namespace Microsoft.ML.Generative;
/// <summary>x</summary>
public sealed record FlowMatchEulerSchedulerOptions { public int TrainTimesteps { get; init; } = 1000; public double Shift { get; init; } = 1; }
/// <summary>x</summary>
public sealed class FlowMatchEulerScheduler(FlowMatchEulerSchedulerOptions? options = null) : NoiseScheduler
{
    private readonly FlowMatchEulerSchedulerOptions _o = options ?? new();
    private double[] _t = [];
    public override IReadOnlyList<double> Timesteps => _t;
    public override double InitialNoiseSigma => 1;
    public override int TrainTimesteps => _o.TrainTimesteps;
    public override PredictionType PredictionType => PredictionType.Velocity;
    public override void SetTimesteps(int steps) => _t = [.. Enumerable.Range(0, steps).Select(i => TrainTimesteps * (1 - i / (double)steps))];
    public override SchedulerStep Step(Tensor output, double timestep, Tensor x, Func<Tensor>? noise = null)
    {
        int i = Array.IndexOf(_t, timestep); double s = timestep / TrainTimesteps, n = i + 1 < _t.Length ? _t[i + 1] / TrainTimesteps : 0;
        return new(x + output * (n - s), x - output * s);
    }
    public override Tensor AddNoise(Tensor original, Tensor noise, Tensor timesteps) { double s = timesteps[0].ToDouble() / TrainTimesteps; return original * (1 - s) + noise * s; }
    public override JsonObject ToConfig() => new() { ["_class_name"] = "FlowMatchEulerDiscreteScheduler" };
    public override NoiseScheduler Clone() => new FlowMatchEulerScheduler(_o);
}
