using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime.Devices;

/// <summary>
/// A stream of a GPU beside the one that libtorch computes in, by NVIDIA's driver: what it is given runs while libtorch computes, and waits
/// for marks in libtorch's work.
/// </summary>
/// <remarks>
/// libtorch computes in the legacy default stream, the handle 0 (<c>getDefaultCUDAStream</c> in c10/cuda/CUDAStream.cpp), unless a program
/// chooses another; TorchSharp has nothing to choose one with. Names and numbers are those of CUDA's cuda.h.
/// </remarks>
internal sealed unsafe class CudaStream : IDisposable
{
    // CU_STREAM_NON_BLOCKING: neither stream waits for the other by itself.
    private const uint NonBlocking = 1;

    // CU_EVENT_DISABLE_TIMING: quicker to wait for.
    private const uint WithoutTiming = 2;

    // CUDA_ERROR_NOT_READY.
    private const int NotReady = 600;

    private const int IdBytes = 16;
    private const nint LibTorch = 0;

    private readonly delegate* unmanaged<int, int> _release;
    private readonly delegate* unmanaged<nint, int> _push;
    private readonly delegate* unmanaged<nint*, int> _pop;
    private readonly delegate* unmanaged<nint*, uint, int> _createEvent;
    private readonly delegate* unmanaged<nint, int> _destroyEvent;
    private readonly delegate* unmanaged<nint, nint, int> _record;
    private readonly delegate* unmanaged<nint, int> _query;
    private readonly delegate* unmanaged<nint, nint, uint, int> _wait;
    private readonly delegate* unmanaged<nint, int> _destroyStream;
    private readonly int _device;
    private readonly nint _context;

    /// <param name="device">The GPU.</param>
    /// <param name="functions">The driver's functions, by their names.</param>
    /// <exception cref="InvalidOperationException">The driver refuses.</exception>
    public CudaStream(torch.Device device, Func<string, nint> functions)
    {
        _release = (delegate* unmanaged<int, int>)functions("cuDevicePrimaryCtxRelease_v2");
        _push = (delegate* unmanaged<nint, int>)functions("cuCtxPushCurrent_v2");
        _pop = (delegate* unmanaged<nint*, int>)functions("cuCtxPopCurrent_v2");
        _createEvent = (delegate* unmanaged<nint*, uint, int>)functions("cuEventCreate");
        _destroyEvent = (delegate* unmanaged<nint, int>)functions("cuEventDestroy_v2");
        _record = (delegate* unmanaged<nint, nint, int>)functions("cuEventRecord");
        _query = (delegate* unmanaged<nint, int>)functions("cuEventQuery");
        _wait = (delegate* unmanaged<nint, nint, uint, int>)functions("cuStreamWaitEvent");
        _destroyStream = (delegate* unmanaged<nint, int>)functions("cuStreamDestroy_v2");
        var get = (delegate* unmanaged<int*, int, int>)functions("cuDeviceGet");
        var getId = (delegate* unmanaged<byte*, int, int>)functions("cuDeviceGetUuid");
        var retain = (delegate* unmanaged<nint*, int, int>)functions("cuDevicePrimaryCtxRetain");
        var create = (delegate* unmanaged<nint*, uint, int>)functions("cuStreamCreate");
        int handle;
        nint context, stream;
        byte* id = stackalloc byte[IdBytes];
        Check(get(&handle, Math.Max(0, device.index)), "cuDeviceGet");
        Check(getId(id, handle), "cuDeviceGetUuid");
        DeviceId = Convert.ToHexStringLower(new ReadOnlySpan<byte>(id, IdBytes));
        // libtorch's own: what it has allocated is there.
        Check(retain(&context, handle), "cuDevicePrimaryCtxRetain");
        (_device, _context) = (handle, context);
        try
        {
            using Context current = Enter();
            Check(create(&stream, NonBlocking), "cuStreamCreate");
        }
        catch
        {
            _ = _release(_device);
            throw;
        }

        Handle = stream;
    }

    /// <summary>The stream, as other libraries take it.</summary>
    public nint Handle { get; }

    /// <summary>Distinguishes the GPU from all others, in whatever order a process sees them.</summary>
    public string DeviceId { get; }

    /// <summary>The functions of the driver that is installed.</summary>
    public static Func<string, nint> DriverFunctions()
    {
        nint driver = NativeLibrary.Load("libcuda.so.1");
        return name => NativeLibrary.GetExport(driver, name);
    }

    /// <summary>Makes the GPU's context, which libraries find their GPU by, that of this thread, until it is disposed.</summary>
    /// <exception cref="InvalidOperationException">The driver refuses.</exception>
    public Context Enter()
    {
        Check(_push(_context), "cuCtxPushCurrent");
        return new Context(this);
    }

    /// <summary>A mark behind all that libtorch was asked so far; 0 where the driver refuses.</summary>
    public nint MarkLibTorch()
    {
        if (_push(_context) != 0)
            return 0;
        using var current = new Context(this);
        return TryMark(LibTorch);
    }

    /// <summary>A mark behind all that this stream was given.</summary>
    /// <exception cref="InvalidOperationException">The driver refuses.</exception>
    public nint MarkOwn()
    {
        using Context current = Enter();
        return TryMark(Handle) is not 0 and nint mark
            ? mark
            : throw new InvalidOperationException("CUDA has failed: cuEventRecord.");
    }

    /// <summary>What this stream is given next waits for a mark, which is used up.</summary>
    /// <exception cref="InvalidOperationException">The driver refuses.</exception>
    public void After(nint mark)
    {
        using Context current = Enter();
        int error = _wait(Handle, mark, 0);
        // The stream waits for what the mark stood for when it was asked to.
        _ = _destroyEvent(mark);
        Check(error, "cuStreamWaitEvent");
    }

    /// <summary>Whether all before a mark is done; then it is used up.</summary>
    /// <exception cref="InvalidOperationException">Something before it has failed.</exception>
    public bool HasPassed(nint mark)
    {
        using Context current = Enter();
        int state = _query(mark);
        if (state == NotReady)
            return false;
        _ = _destroyEvent(mark);
        Check(state, "cuEventQuery");
        return true;
    }

    public void Dispose()
    {
        // After an error of the GPU there is nothing to destroy.
        if (_push(_context) == 0)
        {
            using var current = new Context(this);
            _ = _destroyStream(Handle);
        }

        _ = _release(_device);
    }

    private nint TryMark(nint stream)
    {
        nint mark;
        if (_createEvent(&mark, WithoutTiming) != 0)
            return 0;
        if (_record(mark, stream) == 0)
            return mark;
        _ = _destroyEvent(mark);
        return 0;
    }

    private static void Check(int error, string function)
    {
        if (error != 0)
            throw new InvalidOperationException($"CUDA has failed: {function} returned {error}.");
    }

    /// <summary>A context that is that of a thread.</summary>
    public readonly struct Context(CudaStream stream) : IDisposable
    {
        public void Dispose()
        {
            nint popped;
            _ = stream._pop(&popped);
        }
    }
}
