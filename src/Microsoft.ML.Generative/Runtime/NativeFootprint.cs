using TorchSharp;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>
/// The native memory of a network, of which the garbage collector knows: it does not see libtorch's, and would let networks that nobody
/// disposes of fill the memory before it looks for the few bytes of their objects. Nor does it end with the caller's dispose scope: a model
/// that was trained or loaded within one belongs to whoever has it.
/// </summary>
internal sealed class NativeFootprint : IDisposable
{
    private readonly IDisposable _owner;
    private long _bytes;

    /// <param name="owner">What is disposed of.</param>
    /// <param name="modules">Its networks.</param>
    public NativeFootprint(IDisposable owner, params IReadOnlyList<torch.nn.Module> modules)
    {
        _owner = owner;
        torch.Tensor[] tensors = [.. modules.SelectMany(module => module.parameters().Concat(module.buffers())).Distinct()];
        foreach (torch.Tensor tensor in tensors)
            tensor.DetachFromDisposeScope();
        _bytes = tensors.Where(t => t.device_type == DeviceType.CPU).Sum(t => t.numel() * t.element_size());
        if (_bytes > 0)
            GC.AddMemoryPressure(_bytes);
    }

    ~NativeFootprint() => Forget(NativeHeap.ReturnFreedMemoryAfterFinalizers);

    public void Dispose()
    {
        _owner.Dispose();
        Forget(NativeHeap.ReturnFreedMemory);
        GC.SuppressFinalize(this);
    }

    private void Forget(Action release)
    {
        long bytes = Interlocked.Exchange(ref _bytes, 0);
        if (bytes == 0)
            return;
        GC.RemoveMemoryPressure(bytes);
        if (bytes >= NativeHeap.WorthReturning)
            release();
    }
}
