using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A matrix and a vector.</summary>
internal sealed class TinyNetwork : nn.Module
{
    public readonly Parameter weight;
    public readonly Parameter bias;

    public TinyNetwork(int inputs, int outputs)
        : base(nameof(TinyNetwork))
    {
        weight = nn.Parameter(nn.init.normal_(ModuleTensors.Empty(outputs, inputs)));
        bias = nn.Parameter(nn.init.normal_(ModuleTensors.Empty(outputs)));
        RegisterComponents();
    }

    public float[] Values => [.. weight.data<float>().ToArray(), .. bias.data<float>().ToArray()];
}
