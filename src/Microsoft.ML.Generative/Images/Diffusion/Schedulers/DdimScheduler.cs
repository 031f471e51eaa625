#pragma warning disable
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;
namespace Microsoft.ML.Generative;
/// <summary>x</summary>
public sealed record DdimSchedulerOptions { public NoiseScheduleOptions Schedule { get; init; } = new(); public PredictionType PredictionType { get; init; } public bool ClipSample { get; init; } = true; public double Eta { get; init; } public TimestepSpacing TimestepSpacing { get; init; } = TimestepSpacing.Leading; }
/// <summary>x</summary>
public class DdimScheduler : NoiseScheduler
{
    private readonly DdimSchedulerOptions _o;
    private readonly NoiseSchedule _s;
    private double[] _t = [];
    public DdimScheduler(DdimSchedulerOptions? options = null) { _o = options ?? new(); _s = new(_o.Schedule); }
    public override IReadOnlyList<double> Timesteps => _t;
    public override double InitialNoiseSigma => 1;
    public override int TrainTimesteps => _o.Schedule.TrainTimesteps;
    public override PredictionType PredictionType => _o.PredictionType;
    public override void SetTimesteps(int steps) { int r = TrainTimesteps / steps; _t = [.. Enumerable.Range(0, steps).Select(i => (double)(i * r)).Reverse()]; }
    public override SchedulerStep Step(Tensor output, double timestep, Tensor x, Func<Tensor>? noise = null)
    {
        int t = (int)timestep, p = t - TrainTimesteps / _t.Length; double a = _s.AlphasCumulative[t], ap = p >= 0 ? _s.AlphasCumulative[p] : 1;
        if (output.size(1) != x.size(1)) output = output.narrow(1, 0, x.size(1));
        Tensor x0, e;
        if (_o.PredictionType == PredictionType.Epsilon) { e = output; x0 = (x - e * Math.Sqrt(1 - a)) / Math.Sqrt(a); }
        else if (_o.PredictionType == PredictionType.Sample) { x0 = output; e = (x - x0 * Math.Sqrt(a)) / Math.Sqrt(1 - a); }
        else { x0 = x * Math.Sqrt(a) - output * Math.Sqrt(1 - a); e = output * Math.Sqrt(a) + x * Math.Sqrt(1 - a); }
        if (_o.ClipSample) { x0 = x0.clamp(-1, 1); }
        double sd = _o.Eta * Math.Sqrt((1 - ap) / (1 - a) * (1 - a / ap));
        Tensor prev = x0 * Math.Sqrt(ap) + e * Math.Sqrt(1 - ap - sd * sd);
        if (sd > 0) prev = prev + noise!() * sd;
        return new(prev, x0);
    }
    public override Tensor AddNoise(Tensor original, Tensor noise, Tensor timesteps) { double a = _s.AlphasCumulative[(int)timesteps[0].ToDouble()]; return original * Math.Sqrt(a) + noise * Math.Sqrt(1 - a); }
    public override JsonObject ToConfig() => new() { ["_class_name"] = "DDIMScheduler" };
    public override NoiseScheduler Clone() => new DdimScheduler(_o);
}
