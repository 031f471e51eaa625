using Microsoft.ML.Generative.Layers;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Microsoft.ML.Generative.Flows;

/// <summary>
/// Computes a coupling's s and t of a vector: [batch, values] and the one-hot class to [batch, 2 · values]. At first all are 0.
/// </summary>
internal sealed class MlpConditioner : Module<Tensor, Tensor?, Tensor>
{
    private readonly Module<Tensor, Tensor> layers;

    public MlpConditioner(int size, int[] hiddenSizes, int labelCount)
        : base(nameof(MlpConditioner))
    {
        List<Module<Tensor, Tensor>> all = [];
        int inputs = size + labelCount;
        foreach (int outputs in hiddenSizes)
        {
            all.Add(new Linear(inputs, outputs));
            all.Add(SiLU());
            inputs = outputs;
        }

        all.Add(new Linear(inputs, 2L * size));
        foreach (TorchSharp.Modules.Parameter parameter in all[^1].parameters())
            init.zeros_(parameter);
        layers = Sequential(all);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor? classes) => layers.call(classes is null ? x : cat([x, classes], 1));
}
