using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Group normalization (Wu, He 2018) of [batch, channels, ..], with PyTorch's names and initial values. TorchSharp's own layer leaves its
/// parameters as the memory was.
/// </summary>
internal sealed class GroupNormalization : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly Parameter bias;

    private readonly int _groups;
    private readonly double _epsilon;

    public GroupNormalization(int groups, long channels, double epsilon = 1e-5)
        : base(nameof(GroupNormalization))
    {
        (_groups, _epsilon) = (groups, epsilon);
        weight = nn.Parameter(ModuleTensors.Ones(channels));
        bias = nn.Parameter(ModuleTensors.Zeros(channels));
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => OutputShapes.Note(this, F.group_norm(input, _groups, weight, bias, _epsilon));

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            weight.Dispose();
            bias.Dispose();
        }

        base.Dispose(disposing);
    }
}
