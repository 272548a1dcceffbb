// Docks every ligand of a folder into one protein.
//   nextflow run deploy/dock.nf --protein protein.pdb --ligands 'ligands/*.sdf' --options '--pocket-ligand /data/ref.sdf'
params.protein = null
params.ligands = null
params.options = ''
params.out = 'docked'

process DOCK {
    tag "${ligand.baseName}"
    cpus 2
    publishDir params.out, mode: 'copy'

    input:
    path protein
    path ligand

    output:
    path "${ligand.baseName}"

    script:
    """
    OMP_NUM_THREADS=${task.cpus} disco-dock predict --protein ${protein} --ligand ${ligand} \\
        -o ${ligand.baseName} ${params.options}
    """
}

workflow {
    DOCK(file(params.protein, checkIfExists: true), Channel.fromPath(params.ligands, checkIfExists: true))
}
