using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Watches the layers that compute on this thread, and marks some of their outputs, so that the backward pass says how far it has come:
/// when it passes a mark, the gradients of all layers are whole that were used after it only. For what was computed later goes first in a
/// backward pass, and a gradient of a parameter is added as soon as it is there.
/// </summary>
internal sealed class BackwardMarks : IDisposable
{
    [ThreadStatic]
    private static BackwardMarks? t_current;

    private readonly BackwardMarks? _outer = t_current;
    private readonly IReadOnlySet<nn.Module> _marked;
    private readonly Dictionary<nn.Module, int> _firstUses = new(ReferenceEqualityComparer.Instance);
    private Action<int>? _pass;
    private int _marks;

    /// <summary>Begins to watch.</summary>
    /// <param name="marked">The layers whose outputs are marked.</param>
    public BackwardMarks(IReadOnlySet<nn.Module> marked)
    {
        _marked = marked;
        t_current = this;
    }

    /// <summary>The layers in the order of their first use, each with the number of marks before it.</summary>
    public IReadOnlyDictionary<nn.Module, int> FirstUses => _firstUses;

    /// <summary>Takes note of a layer's output.</summary>
    /// <returns>The output, marked if it is to be.</returns>
    public static Tensor Note(nn.Module layer, Tensor output)
    {
        if (t_current is not { } current)
            return output;
        current._firstUses.TryAdd(layer, current._marks);
        return output.requires_grad && current._marked.Contains(layer) ? Mark.Call(output, current, current._marks++) : output;
    }

    /// <summary>Runs a backward pass through what was watched.</summary>
    /// <param name="loss">The loss.</param>
    /// <param name="pass">Receives the number of each mark that the pass comes to.</param>
    public void Backward(Tensor loss, Action<int> pass)
    {
        _pass = pass;
        try
        {
            loss.backward();
        }
        finally
        {
            _pass = null;
        }
    }

    public void Dispose() => t_current = _outer;

    private sealed class Mark : GradientFunction<Mark>
    {
        private const string State = "state";

        public override string Name => nameof(BackwardMarks);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            ctx.save_data(State, ((BackwardMarks)vars[1], (int)vars[2]));
            return ((Tensor)vars[0]).alias();
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            var (marks, number) = ((BackwardMarks, int))ctx.get_data(State);
            marks._pass?.Invoke(number);
            return [gradient.alias(), null!, null!];
        }
    }
}
