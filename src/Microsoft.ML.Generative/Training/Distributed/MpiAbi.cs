using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>
/// The handles of an MPI library. Programs of C get them from its header, which differs: Open MPI's are addresses of exported objects,
/// MPICH's (and those of its descendants, such as Intel MPI) are numbers, and MPI 5 has other numbers for all.
/// </summary>
/// <param name="World">MPI_COMM_WORLD.</param>
/// <param name="Byte">MPI_BYTE.</param>
/// <param name="Float">MPI_FLOAT.</param>
/// <param name="Sum">MPI_SUM.</param>
/// <param name="InPlace">MPI_IN_PLACE.</param>
internal readonly record struct MpiAbi(nint World, nint Byte, nint Float, nint Sum, nint InPlace)
{
    /// <summary>The handles of a loaded library.</summary>
    /// <param name="library">The library.</param>
    /// <param name="name">Its file name.</param>
    public static MpiAbi Of(nint library, string name)
    {
        if (NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out nint world))
        {
            return new MpiAbi(
                world, NativeLibrary.GetExport(library, "ompi_mpi_byte"), NativeLibrary.GetExport(library, "ompi_mpi_float"),
                NativeLibrary.GetExport(library, "ompi_mpi_op_sum"), InPlace: 1);
        }

        return name.Contains("mpi_abi", StringComparison.Ordinal)
            ? new MpiAbi(World: 0x101, Byte: 0x247, Float: 0x210, Sum: 0x21, InPlace: 1)
            : new MpiAbi(World: 0x44000000, Byte: 0x4c00010d, Float: 0x4c00040a, Sum: 0x58000003, InPlace: -1);
    }
}
