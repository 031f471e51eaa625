using System.Collections.Concurrent;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>A tensor that never changes, once on each device where somebody needs it.</summary>
/// <param name="create">Creates it on a device.</param>
internal sealed class DeviceConstant(Func<Device, Tensor> create)
{
    private readonly ConcurrentDictionary<(DeviceType, int), Lazy<Tensor>> _tensors = [];

    /// <summary>The tensor on a device, which nobody disposes of.</summary>
    public Tensor On(Device device) =>
        _tensors.GetOrAdd((device.type, device.index), _ => new Lazy<Tensor>(() => create(device).DetachFromDisposeScope())).Value;
}
