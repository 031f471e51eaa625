using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>
/// Creates the tensors of modules. Constructors of modules create none in another way, so that a module can be created without memory, for
/// the names and shapes of its tensors. libtorch's own default device is one for the process: tensors that other threads create meanwhile
/// would have no memory either.
/// </summary>
internal static class ModuleTensors
{
    private static readonly Device _noMemory = new(DeviceType.META);

    [ThreadStatic]
    private static Allowance? _allowance;

    [ThreadStatic]
    private static bool _isWithoutValues;

    /// <summary>Creates a module whose tensors have shapes, but no memory and no values. Initial values are not sampled.</summary>
    /// <param name="maxBytes">The bytes that the tensors may have together.</param>
    /// <param name="maxTensors">The number of tensors that there may be.</param>
    /// <param name="create">Creates the module, on this thread.</param>
    /// <exception cref="ModuleTooLargeException">The module has more or larger tensors; it was not created to its end.</exception>
    public static TModule WithoutMemory<TModule>(long maxBytes, int maxTensors, Func<TModule> create)
        where TModule : nn.Module
    {
        TorchRuntime.EnsureLoaded();
        Allowance? outer = _allowance;
        try
        {
            _allowance = new Allowance(maxBytes, maxTensors);
            return create();
        }
        finally
        {
            _allowance = outer;
        }
    }

    /// <summary>Whether modules set initial values: not where they share those of another.</summary>
    public static bool HasValues => !_isWithoutValues;

    /// <summary>
    /// Creates a module whose parameters have memory that nobody has touched, so that the system need not provide it; it is to share that
    /// of another.
    /// </summary>
    /// <param name="create">Creates the module, on this thread.</param>
    public static TModule WithoutValues<TModule>(Func<TModule> create)
        where TModule : nn.Module
    {
        TorchRuntime.EnsureLoaded();
        bool outer = _isWithoutValues;
        try
        {
            _isWithoutValues = true;
            return create();
        }
        finally
        {
            _isWithoutValues = outer;
        }
    }

    /// <summary>Creates modules one after the other, without room for all in advance: there may be far more than are allowed.</summary>
    public static List<TModule> Repeat<TModule>(int count, Func<TModule> create)
        where TModule : nn.Module => Repeat(count, _ => create());

    /// <inheritdoc cref="Repeat{TModule}(int, Func{TModule})"/>
    /// <param name="count">Modules.</param>
    /// <param name="create">Creates the module of a place.</param>
    public static List<TModule> Repeat<TModule>(int count, Func<int, TModule> create)
        where TModule : nn.Module
    {
        List<TModule> modules = [];
        for (int i = 0; i < count; i++)
            modules.Add(create(i));
        return modules;
    }

    /// <summary>Counts the elements of a module's parameters and persistent buffers.</summary>
    /// <inheritdoc cref="WithoutMemory" path="/param"/>
    /// <inheritdoc cref="WithoutMemory" path="/exception"/>
    public static long CountElements(Func<nn.Module> create, long maxBytes = long.MaxValue, int maxTensors = int.MaxValue)
    {
        using nn.Module module = WithoutMemory(maxBytes, maxTensors, create);
        return module.parameters().Sum(p => p.numel()) + module.named_buffers(include_nonpersistent: false).Sum(b => b.buffer.numel());
    }

    public static Tensor Empty(params long[] shape) => empty(shape, device: DeviceFor(shape));

    /// <param name="type">Byte, Int8 or Float16.</param>
    /// <param name="shape">The shape.</param>
    public static Tensor Empty(ScalarType type, params long[] shape) =>
        empty(shape, type, DeviceFor(shape, type == ScalarType.Float16 ? 2 : 1));

    public static Tensor Zeros(params long[] shape) => zeros(shape, device: DeviceFor(shape));

    public static Tensor Ones(params long[] shape) => ones(shape, device: DeviceFor(shape));

    public static Tensor Constant(double value, params long[] shape) =>
        TensorFactory.Constant(shape, value, ScalarType.Float32, DeviceFor(shape));

    private static Device? DeviceFor(long[] shape, int elementSize = sizeof(float))
    {
        if (_allowance is null)
            return null;
        _allowance.Take(shape, elementSize);
        return _noMemory;
    }

    private sealed class Allowance(long bytes, int tensors)
    {
        private Int128 _bytes = bytes;
        private int _tensors = tensors;

        public void Take(long[] shape, int elementSize)
        {
            Int128 needed = elementSize;
            foreach (long size in shape)
                needed = size < 0 ? throw new ModuleTooLargeException() : checked(needed * size);
            _bytes -= needed;
            if (_bytes < 0 || --_tensors < 0)
                throw new ModuleTooLargeException();
        }
    }
}

/// <summary>A module has more or larger tensors than it may have.</summary>
internal sealed class ModuleTooLargeException() : Exception("The module has more elements than it may have.");
