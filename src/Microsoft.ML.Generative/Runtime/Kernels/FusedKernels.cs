using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The kernels of <see cref="OptimizerKernels"/> as libtorch has them for a GPU, one launch each. Nothing waits for the GPU, and decayed
/// state may become subnormal, which costs a GPU nothing.
/// </summary>
internal static class FusedKernels
{
    // TorchSharp does not have these operators; TorchScript reaches them. It would leave out an operator that changes nothing but the
    // elements of lists made here; therefore lists come in. The empty line at the end belongs to its syntax.
    private const string Source = """
        def adam(w: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], t: List[Tensor],
                 lr: float, b1: float, b2: float, eps: float, decay: float) -> Tensor:
            none: List[Tensor] = []
            torch._fused_adam_(w, g, m, v, none, t, lr=lr, beta1=b1, beta2=b2, weight_decay=decay, eps=eps,
                               amsgrad=False, maximize=False)
            return w[0]

        def adamw(w: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], t: List[Tensor],
                  lr: float, b1: float, b2: float, eps: float, decay: float) -> Tensor:
            none: List[Tensor] = []
            torch._fused_adamw_(w, g, m, v, none, t, lr=lr, beta1=b1, beta2=b2, weight_decay=decay, eps=eps,
                                amsgrad=False, maximize=False)
            return w[0]

        def sgd(w: List[Tensor], g: List[Tensor], m: List[Tensor], lr: float, momentum: float, decay: float, first: bool) -> Tensor:
            none: List[Tensor] = []
            torch._fused_sgd_(w, g, m if momentum > 0.0 else none, weight_decay=decay, momentum=momentum, lr=lr, dampening=0.0,
                              nesterov=False, maximize=False, is_first_step=first)
            return w[0]

        """ + "\n";

    private static readonly Lazy<jit.CompilationUnit> _kernels = new(() => jit.compile(Source));

    public static bool CanUse(Tensor tensor) => tensor.device_type == DeviceType.CUDA && tensor.dtype == ScalarType.Float32;

    public static void Adam(Tensor weights, Tensor gradients, Tensor m, Tensor v, in AdamStep step)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor number = TensorFactory.Constant([], step.Step, ScalarType.Float32, weights.device);
        Call(
            step.IsDecoupled ? "adamw" : "adam", List(weights), List(gradients), List(m), List(v), List(number), step.LearningRate,
            step.Beta1, step.Beta2, step.Epsilon, step.WeightDecay);
    }

    public static void Sgd(Tensor weights, Tensor gradients, Tensor momentum, in SgdStep step)
    {
        using DisposeScope scope = NewDisposeScope();
        Call(
            "sgd", List(weights), List(gradients), List(momentum), step.LearningRate, step.Momentum, step.WeightDecay, step.Step == 1);
    }

    public static void Ema(Tensor average, Tensor weights, double decay)
    {
        using DisposeScope scope = NewDisposeScope();
        average.lerp_(weights, TensorFactory.Constant([], 1 - decay, ScalarType.Float32, average.device));
    }

    // TorchSharp takes numbers, too, but lets go of what it makes of them before libtorch has read it.
    private static void Call(string kernel, params object[] arguments)
    {
        object[] held = Array.ConvertAll(arguments, argument => argument is double number ? number.ToScalar() : argument);
        _kernels.Value.invoke(kernel, held);
        foreach (Scalar scalar in held.OfType<Scalar>())
            scalar.Dispose();
    }

    private static Tensor[] List(Tensor values) => [values];
}
